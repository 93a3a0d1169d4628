// The object of an evaluation's first step: means of each site, and of a dictionary's one site the principal components of its fit
// rows. By site I, the place among the dictionary's sites:
//   mean_fit.I F64 [d]   mean_calib.I F64 [d] (of fit rows where there is no calib row)   centre.I F64 [d], of the measured rows
//   fit.I F64 [d + 2]: rows, Σ‖x‖², Σ x       components F32 [d, d], largest eigenvalue first       eigenvalues F64 [d]
import { readFile } from 'node:fs/promises';
import type { Moments } from '../../core/dictionaries/scale.js';
import { decodeSafetensors, encodeSafetensors, safeTensor, type SafeTensor } from '../../core/tensor/safetensors.js';
import { DataError } from '../../schemas/errors.js';
import { writeChunks } from '../../storage/files/local-file.js';
import type { SpoolFile } from '../stage.js';

export interface SiteBasis {
  readonly meanFit: Float64Array;
  readonly meanCalib: Float64Array;
  readonly centre: Float64Array;
  readonly fit: Moments;
}

export interface Basis {
  readonly sites: readonly SiteBasis[];
  /** Null where there are none. */
  readonly components: Float32Array | null;
}

export async function writeBasis(
  path: string,
  { sites, components }: Basis,
  { eigenvalues, key }: { readonly eigenvalues: Float64Array | null; readonly key: string },
): Promise<SpoolFile> {
  const tensors = new Map<string, SafeTensor>();
  const vector = (name: string, values: Float64Array): void => {
    tensors.set(name, safeTensor(values, [values.length]));
  };
  sites.forEach(({ meanFit, meanCalib, centre, fit }, i) => {
    vector(`mean_fit.${i}`, meanFit);
    vector(`mean_calib.${i}`, meanCalib);
    vector(`centre.${i}`, centre);
    vector(`fit.${i}`, Float64Array.of(fit.rows, fit.sumSq, ...fit.sumX));
  });
  if (eigenvalues) vector('eigenvalues', eigenvalues);
  const width = sites[0]?.meanFit.length ?? 0;
  if (components) tensors.set('components', safeTensor(components, [width, width]));
  const file = await writeChunks(path, encodeSafetensors(tensors, { key, units: 'raw activation units' }));
  return { ...file, table: 'basis', extension: 'safetensors', rows: width, batches: [] };
}

/** @throws DataError where a tensor is missing */
export async function readBasis(path: string, sites: number): Promise<Basis> {
  const tensors = decodeSafetensors(await readFile(path));
  const vector = (name: string): Float64Array => new Float64Array(bytesOf(tensors, name));
  return {
    sites: Array.from({ length: sites }, (_, i): SiteBasis => {
      const [rows = 0, sumSq = 0, ...sumX] = vector(`fit.${i}`);
      return {
        ...{ meanFit: vector(`mean_fit.${i}`), meanCalib: vector(`mean_calib.${i}`), centre: vector(`centre.${i}`) },
        fit: { rows, sumSq, sumX: Float64Array.from(sumX) },
      };
    }),
    components: tensors.has('components') ? new Float32Array(bytesOf(tensors, 'components')) : null,
  };
}

function bytesOf(tensors: ReadonlyMap<string, SafeTensor>, name: string): ArrayBuffer {
  const tensor = tensors.get(name);
  if (tensor) return new Uint8Array(tensor.bytes).buffer;
  throw new DataError(
    `Expected tensor ${name} in an evaluation's basis, found ${[...tensors.keys()].join(', ')}; run the evaluation again.`,
    { tensor: name },
  );
}
