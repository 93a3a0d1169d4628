// The state of a training inside the compute child: as feeds and outputs of a step graph, as a file of tensors, and whether its
// numbers are finite. Shared by all stages that train; which tensors there are is theirs.
import { type StateArrays, type StateTensor, updatedName } from '../core/optimise/state.js';
import { encodeSafetensors, safeTensor } from '../core/tensor/safetensors.js';
import type { TensorValue } from '../runtime/session.js';
import { DataError } from '../schemas/errors.js';
import { type WrittenFile, writeChunks } from '../storage/files/local-file.js';
import { SafetensorsFile } from '../storage/files/safetensors-file.js';

/** Feeds of tensors, without copying. */
export function stateFeeds(tensors: readonly StateTensor[], state: StateArrays): Record<string, TensorValue> {
  return Object.fromEntries(
    tensors.map(({ name, shape, type }) => [name, { dtype: type, dims: shape, data: state.get(name) } as TensorValue]),
  );
}

/** The state that a step graph gave back. */
export function takeState(
  tensors: readonly StateTensor[],
  outputs: Readonly<Record<string, TensorValue>>,
): StateArrays {
  return new Map(
    tensors.map(({ name }) => [name, outputs[updatedName(name)]?.data as Float32Array | BigInt64Array] as const),
  );
}

/** The values of a float32 output. */
export function floatsOf(outputs: Readonly<Record<string, TensorValue>>, name: string): Float32Array {
  return outputs[name]?.data as Float32Array;
}

/** Name of the first tensor with NaN or an infinity; null where all numbers are finite. */
export function firstNotFinite(state: StateArrays): string | null {
  for (const [name, values] of state) if (values instanceof Float32Array && !allFinite(values)) return name;
  return null;
}

/** Whether no value is NaN or infinite: 0 · x is 0 for every other. */
function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += 0 * (values[i] as number);
  return sum === 0;
}

/** A tensor of the state. @throws DataError where there is none */
export function tensorOf(state: StateArrays, name: string): Float32Array | BigInt64Array {
  const values = state.get(name);
  if (!values) throw new DataError(`Expected a state tensor ${name}, found none.`, { tensor: name });
  return values;
}

/** Writes every state tensor; equal states give equal bytes. */
export async function writeState(
  file: string,
  tensors: readonly StateTensor[],
  state: StateArrays,
): Promise<WrittenFile> {
  const stored = tensors.map(({ name, shape }) => [name, safeTensor(tensorOf(state, name), shape)] as const);
  return writeChunks(file, encodeSafetensors(new Map(stored)));
}

/** The state of a file written by `writeState`, tensor by tensor. @throws DataError where it is not of these tensors */
export async function readState(path: string, tensors: readonly StateTensor[]): Promise<StateArrays> {
  const file = await SafetensorsFile.open(path);
  try {
    const state = new Map<string, Float32Array | BigInt64Array>();
    for (const tensor of tensors) state.set(tensor.name, await readTensor(file, path, tensor));
    return state;
  } finally {
    await file.close();
  }
}

async function readTensor(
  file: SafetensorsFile,
  path: string,
  { name, shape, type }: StateTensor,
): Promise<Float32Array | BigInt64Array> {
  const dtypes = { float32: 'F32', int64: 'I64' } as const;
  const place = file.places.get(name);
  if (place?.shape.join() !== shape.join() || place.dtype !== dtypes[type]) {
    const found = place ? `${place.dtype} [${place.shape.join(', ')}]` : 'none';
    const text = `Expected checkpoint tensor ${name} of shape [${shape.join(', ')}], found ${found} in ${path}; the checkpoint is of another training.`;
    throw new DataError(text, { file: path, tensor: name });
  }
  const buffer = (await file.read(name))?.bytes.buffer ?? new ArrayBuffer(0);
  return type === 'int64' ? new BigInt64Array(buffer) : new Float32Array(buffer);
}
