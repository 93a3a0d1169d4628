// What rows of the operator table are made of: reading a call's inputs with checks, element type groups and the short forms
// of a row. Rows name what they expect, so that an error tells the operator, the expectation and what came.
import { broadcastShapes } from '../broadcast.js';
import { FOLLOWED_VALUES } from '../constant-type.js';
import type { DataTypeName } from '../data-type.js';
import { MAX_RANK, type Dim, type TensorType, type Value } from '../shape.js';
import type { OperatorCall, OperatorRow } from './operator.js';

export const FLOAT: readonly DataTypeName[] = ['float32', 'float16', 'float64', 'bfloat16'];
export const SIGNED: readonly DataTypeName[] = [...FLOAT, 'int64', 'int32', 'int16', 'int8'];
export const NUMERIC: readonly DataTypeName[] = [...SIGNED, 'uint8', 'uint16', 'uint32', 'uint64'];
export const INDEX: readonly DataTypeName[] = ['int64', 'int32'];
export const BOOL: readonly DataTypeName[] = ['bool'];
export const ANY: readonly DataTypeName[] = [...NUMERIC, 'bool', 'string'];

type Count = number | readonly [min: number, max: number];
type Infer = OperatorRow['infer'];
export type Shape = readonly Dim[] | null;

interface RowParts {
  readonly inputs: Count;
  readonly outputs?: Count;
  readonly attributes?: OperatorRow['attributes'];
  readonly domain?: string;
  readonly infer: Infer;
}

/** A row; counts are exact numbers or [min, max], one output where it is not said. */
export function row({ inputs, outputs = 1, attributes = {}, domain, infer }: RowParts): OperatorRow {
  const base = { inputs: range(inputs), outputs: range(outputs), attributes, infer };
  return domain === undefined ? base : { ...base, domain };
}

function range(count: Count): { min: number; max: number } {
  return typeof count === 'number' ? { min: count, max: count } : { min: count[0], max: count[1] };
}

/** Input `index`, which the operator needs, of one of the given element types. */
export function input(call: OperatorCall, index: number, dtypes: readonly DataTypeName[] = ANY): Value {
  const value = call.inputs[index];
  if (!value) return call.fail(`an input ${index}`, 'none');
  if (!dtypes.includes(value.dtype)) {
    call.fail(`input ${index} of type ${dtypes.join(', ')}`, `${value.dtype} in "${value.name}"`);
  }
  return value;
}

/** Input `index` where it is given, of one of the given element types. */
export function optional(call: OperatorCall, index: number, dtypes: readonly DataTypeName[] = ANY): Value | null {
  return call.inputs[index] ? input(call, index, dtypes) : null;
}

/** Checks that the given inputs, where present, have one element type, and returns the first. */
export function sameType(call: OperatorCall, indices: readonly number[]): DataTypeName {
  const present = indices.flatMap((index) => call.inputs[index] ?? []);
  const [first] = present;
  if (!first) return call.fail('an input', 'none');
  const other = present.find((value) => value.dtype !== first.dtype);
  if (other) {
    call.fail('inputs of one element type', `${first.dtype} in "${first.name}" and ${other.dtype} in "${other.name}"`);
  }
  return first.dtype;
}

/** Numbers 0 … n-1. */
export function indices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** The axis counted from the front. */
export function normaliseAxis(call: OperatorCall, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= rank || !Number.isInteger(axis))
    call.fail(`an axis in [-${rank}, ${rank - 1}]`, String(axis));
  return positive;
}

/** The known integers of a tensor, or null. */
export function knownIntegers(call: OperatorCall, value: Value | null): number[] | null {
  if (!value?.values) return null;
  const numbers = value.values.map((v) => call.sizeOf(v));
  return numbers.every((n) => n !== null) ? numbers : null;
}

/** Integers from an attribute (older opsets) or from input `index`: `absent` or `unknown` where there are none. */
export function integersFrom(
  call: OperatorCall,
  attribute: string,
  index: number,
): readonly number[] | 'absent' | 'unknown' {
  const given = call.attributes.ints(attribute);
  if (given !== null) return given;
  const value = call.inputs[index];
  if (!value) return 'absent';
  return knownIntegers(call, value) ?? 'unknown';
}

/** Dims with `axis` replaced. */
export function withAxis(shape: readonly Dim[], axis: number, dim: Dim): Dim[] {
  return shape.map((old, i) => (i === axis ? dim : old));
}

/** A shape of the given rank of which nothing else is known. */
export function unknownShape(call: OperatorCall, rank: number | null): Dim[] | null {
  return rank === null || rank > MAX_RANK ? null : Array.from({ length: rank }, () => call.unknownDim());
}

/** The single number behind a tensor's first axis, or null: the length of a list of axes or sizes. */
export function lengthOf(call: OperatorCall, value: Value | null): number | null {
  const [dim] = value?.shape ?? [];
  return dim === undefined ? null : call.sizeOf(dim);
}

/** A type whose contents are attached where they are few, one-dimensional and complete. */
export function withValues(type: TensorType, values: readonly (Dim | null)[] | null | undefined): TensorType {
  if (!values || values.length > FOLLOWED_VALUES || type.shape === null || type.shape.length > 1) return type;
  return values.every((v) => v !== null) ? { ...type, values } : type;
}

/** Output `of` one input's type and shape, for several outputs or one. */
export function like(value: Value): TensorType {
  return { dtype: value.dtype, shape: value.shape };
}

/** One input, one output of its type and shape. */
export function unary(dtypes: readonly DataTypeName[], attributes: OperatorRow['attributes'] = {}): OperatorRow {
  return row({ inputs: 1, attributes, infer: (call) => [like(input(call, 0, dtypes))] });
}

/** Elementwise over broadcast inputs of one type; `dtype` names the output's type where it differs. */
export function inferBroadcast(call: OperatorCall, dtypes: readonly DataTypeName[], dtype?: DataTypeName): TensorType {
  const all = indices(call.inputs.length);
  const shapes = all.map((index) => input(call, index, dtypes).shape);
  return { dtype: dtype ?? sameType(call, all), shape: broadcastShapes(shapes, call) };
}

/** Values of an elementwise result over small integer tensors, each element by `of`; null where an input is unknown. */
export function elementValues(call: OperatorCall, of: (...elements: readonly Dim[]) => Dim | null): Dim[] | null {
  const all = call.inputs.map((value) => value?.values);
  const length = Math.max(...all.map((values) => values?.length ?? 0));
  if (length > FOLLOWED_VALUES) return null;
  const result: Dim[] = [];
  for (let i = 0; i < length; i++) {
    const elements: Dim[] = [];
    for (const values of all) {
      const element = values?.length === 1 ? values[0] : values?.[i];
      if (element === undefined) return null;
      elements.push(element);
    }
    result.push(of(...elements) ?? call.unknownDim());
  }
  return result;
}
