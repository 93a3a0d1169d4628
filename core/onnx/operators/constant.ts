// Operators that make tensors from attributes and sizes: constants, ranges, random numbers.
import { dataTypeName, type DataTypeName } from '../data-type.js';
import type { Dim, TensorType } from '../shape.js';
import { divideDims, productOf, subtractDims } from '../symbolic.js';
import { constantType, FOLLOWED_VALUES } from '../constant-type.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import {
  FLOAT,
  indices,
  input,
  knownIntegers,
  lengthOf,
  NUMERIC,
  row,
  sameType,
  unknownShape,
  withValues,
} from './row.js';

export const CONSTANT = {
  Bernoulli: row({ inputs: 1, attributes: { dtype: 'int', seed: 'float' }, infer: likeInput }),
  Constant: row({
    inputs: 0,
    attributes: {
      value: 'tensor',
      value_float: 'float',
      value_floats: 'floats',
      value_int: 'int',
      value_ints: 'ints',
      value_string: 'string',
      value_strings: 'strings',
      sparse_value: 'tensor',
    },
    infer: constant,
  }),
  ConstantOfShape: row({ inputs: 1, attributes: { value: 'tensor' }, infer: constantOfShape }),
  EyeLike: row({ inputs: 1, attributes: { dtype: 'int', k: 'int' }, infer: likeInput }),
  RandomNormal: row({
    inputs: 0,
    attributes: { dtype: 'int', mean: 'float', scale: 'float', seed: 'float', shape: 'ints' },
    infer: ofShape,
  }),
  RandomNormalLike: row({
    inputs: 1,
    attributes: { dtype: 'int', mean: 'float', scale: 'float', seed: 'float' },
    infer: likeInput,
  }),
  RandomUniform: row({
    inputs: 0,
    attributes: { dtype: 'int', high: 'float', low: 'float', seed: 'float', shape: 'ints' },
    infer: ofShape,
  }),
  RandomUniformLike: row({
    inputs: 1,
    attributes: { dtype: 'int', high: 'float', low: 'float', seed: 'float' },
    infer: likeInput,
  }),
  Range: row({ inputs: 3, infer: range }),
} satisfies Record<string, OperatorRow>;

function dtypeOr(call: OperatorCall, otherwise: DataTypeName): DataTypeName {
  if (!call.attributes.has('dtype')) return otherwise;
  const number = call.attributes.int('dtype', 0);
  return dataTypeName(number) ?? call.fail('a known element type', String(number));
}

function likeInput(call: OperatorCall): TensorType[] {
  const x = input(call, 0);
  return [{ dtype: dtypeOr(call, x.dtype), shape: x.shape }];
}

function ofShape(call: OperatorCall): TensorType[] {
  const shape = call.attributes.ints('shape') ?? call.fail('an attribute "shape"', 'none');
  return [{ dtype: dtypeOr(call, 'float32'), shape }];
}

function constant(call: OperatorCall): TensorType[] {
  const { attributes } = call;
  const tensor = attributes.raw('value')?.t;
  if (tensor) return [constantType(tensor) ?? call.fail('a known element type', String(tensor.dataType))];
  const ints = attributes.ints('value_ints');
  if (ints) return [withValues({ dtype: 'int64', shape: [ints.length] }, ints)];
  if (attributes.has('value_int')) return [withValues({ dtype: 'int64', shape: [] }, [attributes.int('value_int', 0)])];
  const floats = attributes.raw('value_floats');
  if (floats) return [{ dtype: 'float32', shape: [floats.floats.length] }];
  if (attributes.has('value_float')) return [{ dtype: 'float32', shape: [] }];
  if (attributes.has('value_string')) return [{ dtype: 'string', shape: [] }];
  const strings = attributes.raw('value_strings');
  if (strings) return [{ dtype: 'string', shape: [strings.strings.length] }];
  return call.fail('an attribute value, value_int, value_ints, value_float or value_floats', 'none');
}

function constantOfShape(call: OperatorCall): TensorType[] {
  const target = input(call, 0, ['int64']);
  const shape = target.values ?? unknownShape(call, lengthOf(call, target));
  const tensor = call.attributes.raw('value')?.t;
  const element = tensor ? constantType(tensor) : null;
  const length = shape && call.sizeOf(productOf(shape) ?? '?');
  const only = element?.values?.[0];
  const few = only !== undefined && length !== null && length <= FOLLOWED_VALUES;
  const values = few ? indices(length).map(() => only) : null;
  return [withValues({ dtype: element?.dtype ?? 'float32', shape }, values)];
}

/** max(0, ceil((limit - start) / delta)) numbers. */
function range(call: OperatorCall): TensorType[] {
  const bounds = [0, 1, 2].map((index) => input(call, index, NUMERIC));
  const dtype = sameType(call, [0, 1, 2]);
  for (const bound of bounds) {
    if (bound.shape?.some((dim) => call.sizeOf(dim) !== 1))
      call.fail('scalar bounds', `"${bound.name}" of shape [${bound.shape.join(', ')}]`);
  }
  const numbers = bounds.map((bound) => knownIntegers(call, bound)?.[0]);
  const [start, limit, delta] = numbers;
  if (FLOAT.includes(dtype)) return [{ dtype, shape: [call.unknownDim()] }];
  if (start === undefined || limit === undefined || delta === undefined || delta === 0)
    return [{ dtype, shape: [symbolicLength(bounds) ?? call.unknownDim()] }];
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  const values = length <= FOLLOWED_VALUES ? indices(length).map((i) => start + i * delta) : null;
  return [withValues({ dtype, shape: [length] }, values)];
}

function symbolicLength(bounds: readonly { readonly values?: readonly Dim[] }[]): Dim | null {
  const [start, limit, delta] = bounds.map((bound) => bound.values?.[0]);
  if (start === undefined || limit === undefined || delta === undefined) return null;
  const length = subtractDims(limit, start);
  return length === null ? null : divideDims(length, delta);
}
