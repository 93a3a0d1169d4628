// Files that a training writes into the spool folder: the checkpoint's tensors, the model as ONNX and as safetensors, the
// training table.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { encodeModel } from '../../core/onnx/codec.js';
import { modelParameters } from '../../core/language-model/architectures.js';
import { buildModel } from '../../core/language-model/export-model.js';
import { stateTensors } from '../../core/language-model/state.js';
import { asFloat32, decodeSafetensors, encodeSafetensors, safeTensor } from '../../core/tensor/safetensors.js';
import { DataError } from '../../schemas/errors.js';
import { writeChunks, type WrittenFile } from '../../storage/files/local-file.js';
import { columnsFromRows } from '../../storage/tables/row-objects.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { LanguageModelConfig } from './config.js';
import type { SpoolFile } from '../stage.js';
import { detachWeights, LARGEST_INLINE_BYTES } from './external-weights.js';
import type { LossRow } from './messages.js';
import { optimiserOf, type State } from './trainer.js';

type Keyed = LanguageModelConfig['keyed'];

/** Writes every state tensor; equal states give equal bytes. */
export async function writeState(file: string, { model, training }: Keyed, state: State): Promise<WrittenFile> {
  const tensors = stateTensors(model, optimiserOf(training)).map(
    ({ name, shape }) => [name, safeTensor(arrayOf(state, name), shape)] as const,
  );
  return writeChunks(file, encodeSafetensors(new Map(tensors)));
}

/** The state of a file written by `writeState`. @throws DataError where it is not of these sizes */
export async function readState(file: string, { model, training }: Keyed): Promise<State> {
  const stored = decodeSafetensors(await readFile(file));
  return new Map(
    stateTensors(model, optimiserOf(training)).map(({ name, shape }) => {
      const tensor = stored.get(name);
      if (tensor?.shape.join() === shape.join()) return [name, asFloat32(tensor)] as const;
      const found = tensor ? `[${tensor.shape.join(', ')}]` : 'none';
      throw new DataError(
        `Expected checkpoint tensor ${name} of shape [${shape.join(', ')}], found ${found} in ${file}; the checkpoint is of another training.`,
        { file, tensor: name },
      );
    }),
  );
}

export interface ModelOutputParts {
  readonly folder: string;
  readonly key: string;
  readonly shard: string;
  readonly config: Keyed;
  readonly state: State;
  readonly log: readonly LossRow[];
}

/** The trained model: `model` (ONNX, with `model-data` where it is large), `weights` (safetensors), `training`. */
export async function writeModelOutputs(parts: ModelOutputParts): Promise<SpoolFile[]> {
  return [...(await writeOnnx(parts)), await writeWeights(parts), ...(await writeLog(parts))];
}

async function writeOnnx({ folder, config, state }: ModelOutputParts): Promise<SpoolFile[]> {
  const model = buildModel(config.model, state);
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
  const tensors = new Map(parameters.map(({ name, shape }) => [name, safeTensor(arrayOf(state, name), shape)]));
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

function arrayOf(state: State, name: string): Float32Array {
  const values = state.get(name);
  if (!values) throw new DataError(`Expected a state tensor ${name}, found none.`, { tensor: name });
  return values;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
