// What a model is fed for a batch of equally long contexts: token ids, a mask of ones, positions 0 … n − 1, type zero.
import { InputError } from '../schemas/errors.js';
import type { TensorValue } from '../runtime/session.js';

export type InputRole = 'tokens' | 'mask' | 'positions' | 'types';

export interface ModelInput {
  readonly name: string;
  /** Element type, e.g. `int64`. */
  readonly dtype: string;
  readonly role: InputRole;
}

const ROLES: ReadonlyMap<string, InputRole> = new Map([
  ['attention_mask', 'mask'],
  ['position_ids', 'positions'],
  ['token_type_ids', 'types'],
]);
const FED_TYPES = ['int64', 'int32', 'float32', 'bool'] as const;
type FedType = (typeof FED_TYPES)[number];

/** What an input other than the tokens is for, by its name; null where it is not known or of a type that cannot be fed. */
export function inputRole(name: string, dtype: string): InputRole | null {
  return isFedType(dtype) ? (ROLES.get(name) ?? null) : null;
}

/**
 * The feeds for ids [rows, length], row-major.
 * @throws InputError for an input whose type cannot be fed
 */
export function makeFeeds(
  inputs: readonly ModelInput[],
  ids: Uint32Array,
  length: number,
): Record<string, TensorValue> {
  const dims = [ids.length / length, length];
  const values: Record<InputRole, (i: number) => number> = {
    tokens: (i) => ids[i] as number,
    mask: () => 1,
    positions: (i) => i % length,
    types: () => 0,
  };
  return Object.fromEntries(
    inputs.map(({ name, dtype, role }) => {
      if (!isFedType(dtype)) {
        throw new InputError(`Expected input "${name}" of type ${FED_TYPES.join(', ')}, found ${dtype}.`, {
          name,
          dtype,
        });
      }
      return [name, makeTensor(dtype, dims, values[role])];
    }),
  );
}

function isFedType(dtype: string): dtype is FedType {
  return (FED_TYPES as readonly string[]).includes(dtype);
}

function makeTensor(dtype: FedType, dims: readonly number[], value: (i: number) => number): TensorValue {
  const count = dims.reduce((a, b) => a * b, 1);
  if (dtype === 'int64') return { dtype, dims, data: toInt64(count, value) };
  if (dtype === 'int32') return { dtype, dims, data: Int32Array.from({ length: count }, (_, i) => value(i)) };
  if (dtype === 'float32') return { dtype, dims, data: Float32Array.from({ length: count }, (_, i) => value(i)) };
  return { dtype, dims, data: Uint8Array.from({ length: count }, (_, i) => value(i)) };
}

/** int64 of small non-negative numbers, written as words: bigints are twenty times slower. */
function toInt64(count: number, value: (i: number) => number): BigInt64Array {
  const result = new BigInt64Array(count);
  const words = new Uint32Array(result.buffer);
  for (let i = 0; i < count; i++) words[2 * i] = value(i);
  return result;
}
