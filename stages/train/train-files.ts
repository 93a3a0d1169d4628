// Files that a training writes into the spool folder: the checkpoint's tensors, the weights, the training table.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { foldToRaw } from '../../core/dictionaries/scale.js';
import { parameterTensors, stateTensors, type StateArrays, type StateSizes } from '../../core/dictionaries/state.js';
import { decodeSafetensors, encodeSafetensors, safeTensor } from '../../core/tensor/safetensors.js';
import { DataError } from '../../schemas/errors.js';
import { writeChunks, type WrittenFile } from '../../storage/files/local-file.js';
import { columnsFromRows } from '../../storage/tables/row-objects.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { SpoolFile } from '../stage.js';
import type { TrainConfig } from './config.js';
import type { TrainingRow } from './messages.js';

/** Writes every state tensor; equal states give equal bytes. */
export async function writeState(file: string, sizes: StateSizes, state: StateArrays): Promise<WrittenFile> {
  const tensors = stateTensors(sizes).map(
    ({ name, shape }) => [name, safeTensor(arrayOf(state, name), shape)] as const,
  );
  return writeChunks(file, encodeSafetensors(new Map(tensors)));
}

/** The state of a file written by `writeState`. @throws DataError where it is not of these sizes */
export async function readState(file: string, sizes: StateSizes): Promise<StateArrays> {
  const stored = decodeSafetensors(await readFile(file));
  const state = new Map<string, Float32Array | BigInt64Array>();
  for (const { name, shape, type } of stateTensors(sizes)) {
    const tensor = stored.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      const text = `Expected checkpoint tensor ${name} of shape [${shape.join(', ')}], found ${tensor ? `[${tensor.shape.join(', ')}]` : 'none'} in ${file}; the checkpoint is of another training.`;
      throw new DataError(text, { file, tensor: name });
    }
    const copy = new Uint8Array(tensor.bytes).buffer;
    state.set(name, type === 'int64' ? new BigInt64Array(copy) : new Float32Array(copy));
  }
  return state;
}

export interface OutputParts {
  readonly folder: string;
  readonly key: string;
  readonly shard: string;
  readonly model: string;
  readonly config: TrainConfig['keyed'];
  readonly sizes: StateSizes;
  readonly state: StateArrays;
  readonly scale: number;
  readonly log: readonly TrainingRow[];
}

/** The dictionary in raw units (`weights`) and its `training` table. @throws DataError where a weight is not finite */
export async function writeOutputs(parts: OutputParts): Promise<SpoolFile[]> {
  const metadata = {
    model: parts.model,
    site: parts.config.site,
    activations: parts.config.activationsKey,
    units: 'raw activation units',
  };
  return [await writeWeights(parts, metadata), ...(await writeTraining(parts, metadata))];
}

async function writeWeights(parts: OutputParts, metadata: Record<string, string>): Promise<SpoolFile> {
  const { sizes, state, scale, config, folder, key } = parts;
  const trained = new Map(parameterTensors(sizes).map(({ name }) => [name, arrayOf(state, name) as Float32Array]));
  const raw = foldToRaw(trained, scale);
  for (const [name, values] of raw) {
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new DataError(
      `Expected finite weights, found ${name}[${at}] = ${values[at] ?? NaN} after the last step. Lower saes.lr or set saes.clipNorm.`,
      { tensor: name, index: at },
    );
  }
  const tensors = new Map(
    parameterTensors(sizes).map(({ name, shape }) => [name, safeTensor(raw.get(name) as Float32Array, shape)]),
  );
  const header = {
    ...metadata,
    format: 'pt',
    architecture: sizes.architecture,
    k: String(config.sae.k),
    inputScale: String(scale),
  };
  const file = await writeChunks(path.join(folder, `${key}.safetensors`), encodeSafetensors(tensors, header));
  return { ...file, table: 'weights', extension: 'safetensors', rows: sizes.features, batches: [] };
}

async function writeTraining(parts: OutputParts, metadata: { readonly units: string }): Promise<SpoolFile[]> {
  const { log, folder, key, shard } = parts;
  const writer = await TableWriter.open({
    table: 'training',
    path: path.join(folder, `${key}.training.arrow`),
    shard,
    metadata: { ...metadata, key },
  });
  await writer.write(columnsFromRows('training', log));
  return writer.finish();
}

function arrayOf(state: StateArrays, name: string): Float32Array | BigInt64Array {
  const values = state.get(name);
  if (!values) throw new DataError(`Expected a state tensor ${name}, found none.`, { tensor: name });
  return values;
}
