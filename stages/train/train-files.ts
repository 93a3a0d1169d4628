// Files that a training writes into the spool folder: the weights and the training table.
import path from 'node:path';
import { kindSettings } from '../../core/dictionaries/architecture.js';
import { type DictionaryShape, parametersOf } from '../../core/dictionaries/state.js';
import { type SiteScales, multiplyExactly, rawFactor } from '../../core/dictionaries/units.js';
import type { Parameter } from '../../core/dictionaries/architecture.js';
import { safetensorsHeader } from '../../core/tensor/safetensors.js';
import { DataError } from '../../schemas/errors.js';
import { writeChunks } from '../../storage/files/local-file.js';
import { columnsFromRows } from '../../storage/tables/row-objects.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { SpoolFile } from '../stage.js';
import type { TrainingEngine } from './engines/engine.js';
import { type TrainConfig, sourcesText, sourcesOf } from './config.js';
import type { TrainingRow } from './messages.js';

export interface OutputParts {
  readonly folder: string;
  readonly key: string;
  readonly shard: string;
  readonly model: string;
  readonly config: TrainConfig['keyed'];
  readonly shape: DictionaryShape;
  readonly engine: Pick<TrainingEngine, 'read'>;
  readonly scales: SiteScales;
  readonly log: readonly TrainingRow[];
}

/** The dictionary in raw units (`weights`) and its `training` table. @throws DataError where a weight is not finite */
export async function writeOutputs(parts: OutputParts): Promise<SpoolFile[]> {
  const metadata = {
    model: parts.model,
    site: sourcesText(parts.config),
    activations: activationsText(parts.config),
    units: 'raw activation units',
  };
  return [await writeWeights(parts, metadata), ...(await writeTraining({ ...parts, metadata }))];
}

async function writeWeights(parts: OutputParts, metadata: Record<string, string>): Promise<SpoolFile> {
  const { shape, config, folder, key } = parts;
  const header = {
    ...metadata,
    format: 'pt',
    architecture: config.sae.architecture,
    ...settingsText(config.sae),
    ...scalesText(parts),
  };
  const tensors = parametersOf(shape).map(({ name, shape: axes }) => ({ name, shape: axes, dtype: 'F32' as const }));
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield safetensorsHeader(tensors, header);
    for (const parameter of parametersOf(shape)) yield* rawValues(parts, parameter);
  }
  const file = await writeChunks(path.join(folder, `${key}.safetensors`), chunks());
  return { ...file, table: 'weights', extension: 'safetensors', rows: shape.features, batches: [] };
}

/** Bytes of a tensor in raw units. @throws DataError where a value is not finite */
async function* rawValues({ engine, scales }: OutputParts, parameter: Parameter): AsyncGenerator<Uint8Array> {
  const { name, shape, unit } = parameter;
  let done = 0;
  for await (const values of engine.read({ name, shape, type: 'float32' })) {
    const raw = multiplyExactly(name, values as Float32Array, rawFactor(unit, scales));
    const at = raw.findIndex((value) => !Number.isFinite(value));
    if (at >= 0)
      throw new DataError(
        `Expected finite weights, found ${name}[${done + at}] = ${raw[at] ?? NaN} after the last step. Lower saes.lr or set saes.clipNorm.`,
        { tensor: name, index: done + at },
      );
    done += raw.length;
    yield new Uint8Array(raw.buffer as ArrayBuffer, raw.byteOffset, raw.byteLength);
  }
}

/** The settings that the kind uses, and how features are divided, as metadata. */
export function settingsText(sae: TrainConfig['keyed']['sae']): Record<string, string> {
  const own = Object.entries(kindSettings(sae)).map(([name, value]) => [name, String(value)] as const);
  return {
    ...Object.fromEntries(own),
    ...(sae.crossLayer && { crossLayer: 'true' }),
    // An unrouted feature cannot fire: whoever reads the file must know that it has experts.
    ...(sae.routed && { routed: sae.routed.kind, experts: String(sae.routed.experts) }),
  };
}

/** Scales of training: one for an autoencoder; else of the sites read, and of those written. */
function scalesText({ scales: { reads, writes }, config }: OutputParts): Record<string, string> {
  return { inputScale: reads.join(', '), ...('reads' in config && { outputScale: writes.join(', ') }) };
}

function activationsText(keyed: TrainConfig['keyed']): string {
  return sourcesOf(keyed)
    .sites.map(({ activationsKey }) => activationsKey)
    .join(', ');
}

/** The `training` table of a log. */
export async function writeTraining(
  parts: Pick<OutputParts, 'log' | 'folder' | 'key' | 'shard'> & { readonly metadata: { readonly units: string } },
): Promise<SpoolFile[]> {
  const { log, folder, key, shard, metadata } = parts;
  const writer = await TableWriter.open({
    table: 'training',
    path: path.join(folder, `${key}.training.arrow`),
    shard,
    metadata: { ...metadata, key },
  });
  await writer.write(columnsFromRows('training', log));
  return writer.finish();
}
