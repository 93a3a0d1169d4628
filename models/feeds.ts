// What a model is fed for a batch of equally long contexts: token ids, a mask of ones, positions from the first number on, type
// zero; mask and positions as given where they are.
import { InputError } from '../schemas/errors.js';
import type { TensorValue } from '../runtime/session.js';

export type InputRole = 'tokens' | 'mask' | 'positions' | 'types';

export interface ModelInput {
  readonly name: string;
  /** Element type, e.g. `int64`. */
  readonly dtype: string;
  readonly role: InputRole;
  /** Of positions: the number of a context's first; null where the model does not tell it. */
  readonly start?: number | null;
}

/** Rows of equal length, row-major. */
export interface InputRows {
  readonly ids: Uint32Array;
  readonly length: number;
  /** 1 for a token, 0 for padding; ones where left out. */
  readonly mask?: Uint32Array | undefined;
  /** Positions as the model takes them; counted from its first number where left out. */
  readonly positions?: Uint32Array | undefined;
  /** The first number of positions, in place of the model's. */
  readonly positionStart?: number | undefined;
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
 * The feeds for rows of ids.
 * @throws InputError for an input whose type cannot be fed, a mask or positions that the model does not take, and positions that
 *   neither the model nor the rows tell
 */
export function makeFeeds(inputs: readonly ModelInput[], rows: InputRows): Record<string, TensorValue> {
  const { ids, length, mask, positions, positionStart } = rows;
  refuseUnused(inputs, rows);
  const dims = [ids.length / length, length];
  const valuesOf = ({ role, name, start: told = 0 }: ModelInput): ((i: number) => number) => {
    if (role === 'tokens') return (i) => ids[i] as number;
    if (role === 'mask') return mask ? (i) => mask[i] as number : () => 1;
    if (role === 'types') return () => 0;
    if (positions) return (i) => positions[i] as number;
    if (mask && isPaddedBefore(mask, length)) throw paddedPositions(name);
    const start = positionStart ?? told;
    if (start === null) throw unknownStart(name);
    return (i) => start + (i % length);
  };
  return Object.fromEntries(
    inputs.map((input) => {
      const { name, dtype } = input;
      if (!isFedType(dtype)) {
        throw new InputError(`Expected input "${name}" of type ${FED_TYPES.join(', ')}, found ${dtype}.`, {
          name,
          dtype,
        });
      }
      return [name, makeTensor(dtype, dims, valuesOf(input))];
    }),
  );
}

function refuseUnused(inputs: readonly ModelInput[], { mask, positions, positionStart }: InputRows): void {
  const missing = [
    ...(mask && !inputs.some(({ role }) => role === 'mask') ? ['attention_mask'] : []),
    ...((positions ?? positionStart) !== undefined && !inputs.some(({ role }) => role === 'positions')
      ? ['position_ids']
      : []),
  ];
  if (missing.length === 0) return;
  const names = inputs.map(({ name }) => name).join(', ');
  throw new InputError(
    `Expected a model whose wanted values depend on the input ${missing.join(' and ')}, found only ${names}. Leave out ${missing[0] === 'attention_mask' ? '--mask' : '--positions'}, or export the model with that input.`,
    { missing },
  );
}

/** Whether positions are the model's own affair while the mask hides places before tokens: it may count them or not. */
export function countsPositionsItself(inputs: readonly ModelInput[], { mask, length }: InputRows): boolean {
  return mask !== undefined && isPaddedBefore(mask, length) && !inputs.some(({ role }) => role === 'positions');
}

/** Whether a row has padding before a token. */
function isPaddedBefore(mask: Uint32Array, length: number): boolean {
  return mask.some((one, i) => one === 0 && i % length !== length - 1 && mask[i + 1] !== 0);
}

function paddedPositions(name: string): InputError {
  return new InputError(
    `Expected positions beside a mask that hides places before tokens, found none: the model takes them as input "${name}", and whether hidden places count is not in the file. Give them with --positions.`,
    { input: name },
  );
}

/** The error of a model that does not tell from which number it counts positions. */
export function unknownStart(name: string): InputError {
  return new InputError(
    `Expected to be told from which number the model counts the positions of input "${name}": its table has no row of zeros before the first, which would tell it (GPT-2 and BERT count from 0, RoBERTa from its padding id + 1). Give --positions 0 (or another number) to \`model run\`, model.positionStart in a run file, or export the model without that input.`,
    { input: name },
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
