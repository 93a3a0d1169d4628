// Files that a training writes into the spool folder: the model as ONNX and as safetensors, the training table.
import path from 'node:path';
import { encodeModel } from '../../core/onnx/codec.js';
import { modelParameters } from '../../core/language-model/architectures.js';
import { buildModel } from '../../core/language-model/export-model.js';
import { type StateArrays, sizeOf } from '../../core/optimise/state.js';
import { encodeSafetensors, safeTensor } from '../../core/tensor/safetensors.js';
import { writeChunks } from '../../storage/files/local-file.js';
import { columnsFromRows } from '../../storage/tables/row-objects.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { LanguageModelConfig } from './config.js';
import type { SpoolFile } from '../stage.js';
import { tensorOf } from '../training-state.js';
import { detachWeights, LARGEST_INLINE_BYTES } from './external-weights.js';
import type { LossRow } from './messages.js';

type Keyed = LanguageModelConfig['keyed'];

export interface ModelOutputParts {
  readonly folder: string;
  readonly key: string;
  readonly shard: string;
  readonly config: Keyed;
  readonly state: StateArrays;
  readonly log: readonly LossRow[];
}

/** The trained model: `model` (ONNX, with `model-data` where it is large), `weights` (safetensors), `training`. */
export async function writeModelOutputs(parts: ModelOutputParts): Promise<SpoolFile[]> {
  return [...(await writeOnnx(parts)), await writeWeights(parts), ...(await writeLog(parts))];
}

async function writeOnnx({ folder, config, state }: ModelOutputParts): Promise<SpoolFile[]> {
  const parameters = modelParameters(config.model);
  const weights = parameters.map(({ name }) => [name, tensorOf(state, name) as Float32Array] as const);
  const model = buildModel(config.model, new Map(weights));
  const place = (name: string): string => path.join(folder, name);
  const rest = { rows: 1, batches: [] };
  const bytes = modelParameters(config.model).reduce((n, p) => n + 4 * sizeOf(p.shape), 0);
  if (bytes <= LARGEST_INLINE_BYTES) {
    const file = await writeChunks(place('model.onnx'), encodeModel(model));
    return [{ ...file, ...rest, table: 'model', extension: 'onnx' }];
  }
  const { graph, data } = detachWeights(model);
  const onnx = await writeChunks(place('model.onnx'), encodeModel(graph));
  const outside = await writeChunks(place('model.onnx.data'), data);
  return [
    { ...onnx, ...rest, table: 'model', extension: 'onnx' },
    { ...outside, ...rest, table: 'model-data', extension: 'bin' },
  ];
}

async function writeWeights({ folder, config, state }: ModelOutputParts): Promise<SpoolFile> {
  const parameters = modelParameters(config.model);
  const tensors = new Map(parameters.map(({ name, shape }) => [name, safeTensor(tensorOf(state, name), shape)]));
  const header = { format: 'pt', architecture: config.model.architecture };
  const place = path.join(folder, 'model.safetensors');
  const file = await writeChunks(place, encodeSafetensors(tensors, header));
  return {
    ...file,
    table: 'weights',
    extension: 'safetensors',
    rows: parameters.length,
    batches: [],
  };
}

async function writeLog({ folder, key, shard, config, log }: ModelOutputParts): Promise<SpoolFile[]> {
  const writer = await TableWriter.open({
    table: 'training',
    path: path.join(folder, 'training.arrow'),
    shard,
    metadata: { key, architecture: config.model.architecture, units: 'loss: nats per token' },
  });
  await writer.write(columnsFromRows('training', log));
  return writer.finish();
}
