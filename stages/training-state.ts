// The state of a training inside the compute child: as feeds and outputs of a step graph, as a file of tensors, and whether its
// numbers are finite. Shared by all stages that train; which tensors there are is theirs.
import { readFile } from 'node:fs/promises';
import { type StateArrays, type StateTensor, updatedName } from '../core/optimise/state.js';
import { decodeSafetensors, encodeSafetensors, safeTensor } from '../core/tensor/safetensors.js';
import type { TensorValue } from '../runtime/session.js';
import { DataError } from '../schemas/errors.js';
import { type WrittenFile, writeChunks } from '../storage/files/local-file.js';

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

/** The state of a file written by `writeState`. @throws DataError where it is not of these tensors */
export async function readState(file: string, tensors: readonly StateTensor[]): Promise<StateArrays> {
  const stored = decodeSafetensors(await readFile(file));
  const dtypes = { float32: 'F32', int64: 'I64' } as const;
  return new Map(
    tensors.map(({ name, shape, type }) => {
      const tensor = stored.get(name);
      if (tensor?.shape.join() !== shape.join() || tensor.dtype !== dtypes[type]) {
        const found = tensor ? `${tensor.dtype} [${tensor.shape.join(', ')}]` : 'none';
        const text = `Expected checkpoint tensor ${name} of shape [${shape.join(', ')}], found ${found} in ${file}; the checkpoint is of another training.`;
        throw new DataError(text, { file, tensor: name });
      }
      const copy = new Uint8Array(tensor.bytes).buffer;
      return [name, type === 'int64' ? new BigInt64Array(copy) : new Float32Array(copy)] as const;
    }),
  );
}
