// What operator cases are made of: inputs with contents, the usual lists of cases, and bodies of control flow.
import type { DataTypeName } from '../../../../core/onnx/data-type.js';
import { makeGraph, makeNode, makeTensor, makeValueInfo, type AttributeValue } from '../../../../core/onnx/make.js';
import type { GraphProto } from '../../../../core/onnx/proto.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { TensorDtype, TensorValue } from '../../../../runtime/session.js';

/** An input of a case: fed, or stored in the model as its exporters store it. */
export interface CaseInput {
  readonly value: TensorValue;
  readonly stored: boolean;
}

export interface OperatorCase {
  readonly inputs: readonly (CaseInput | null)[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly outputs?: number;
  readonly opset?: number;
}

const random = new KeyedRandom('operator cases');

/** Fed floats in (0.1, 1). */
export function f(...dims: number[]): CaseInput {
  const data = Float32Array.from({ length: size(dims) }, () => 0.1 + 0.9 * random.nextFloat());
  return { value: { dtype: 'float32', dims, data }, stored: false };
}

/** Fed integers. */
export function i(dims: number[], values: readonly number[], dtype: TensorDtype = 'int64'): CaseInput {
  const filled = Array.from({ length: size(dims) }, (_, n) => values[n % values.length] ?? 0);
  return { value: typed(dtype, dims, filled), stored: false };
}

export function b(...dims: number[]): CaseInput {
  return i(dims, [1, 0, 0, 1, 1], 'bool');
}

/** A stored vector of int64. */
export function ints(...values: number[]): CaseInput {
  return stored([values.length], values, 'int64');
}

export function stored(dims: number[], values: readonly number[], dtype: TensorDtype): CaseInput {
  return { ...i(dims, values.length ? values : [0], dtype), stored: true };
}

const size = (dims: readonly number[]): number => dims.reduce((n, dim) => n * dim, 1);

function typed(dtype: TensorDtype, dims: number[], values: readonly number[]): TensorValue {
  if (dtype === 'int64') return { dtype, dims, data: BigInt64Array.from(values, BigInt) };
  if (dtype === 'int32') return { dtype, dims, data: Int32Array.from(values) };
  if (dtype === 'int8') return { dtype, dims, data: Int8Array.from(values) };
  if (dtype === 'uint8' || dtype === 'bool') return { dtype, dims, data: Uint8Array.from(values) };
  return { dtype: 'float32', dims, data: Float32Array.from(values) };
}

export const one = (...inputs: (CaseInput | null)[]): OperatorCase[] => [{ inputs }];
export const unary = (attributes: OperatorCase['attributes'] = {}): OperatorCase[] => [
  { inputs: [f(2, 3)], attributes },
  { inputs: [f()], attributes },
];
export const binary = (): OperatorCase[] => [
  { inputs: [f(2, 1, 3), f(4, 1)] },
  { inputs: [f(), f(2, 2)] },
  { inputs: [ints(7, 8, 9), ints(2)] },
];
export const compare = (): OperatorCase[] => [{ inputs: [f(2, 3), f(3)] }, { inputs: [ints(1, 2), ints(2, 2)] }];
export const logic = (): OperatorCase[] => [{ inputs: [b(2, 3), b(3)] }];
export const arg = (): OperatorCase[] => [
  { inputs: [f(2, 3)] },
  { inputs: [f(2, 3)], attributes: { axis: -1, keepdims: 0 } },
];
export const reduce = (): OperatorCase[] => [
  { inputs: [f(2, 3, 4)] },
  { inputs: [f(2, 3, 4)], attributes: { keepdims: 0 } },
  { inputs: [f(2, 3, 4), ints(-1, 0)], attributes: { keepdims: 0 } },
  { inputs: [f(2, 3, 4), ints(1)] },
  { inputs: [f(2, 3, 4), ints()], attributes: { noop_with_empty_axes: 1 } },
];
export const reduceByAttribute = (): OperatorCase[] => [
  ...reduce(),
  { inputs: [f(2, 3, 4)], attributes: { axes: [-1], keepdims: 0 }, opset: 13 },
];

/** A branch that returns zeros. */
export function constantBody(dims: number[]): GraphProto {
  const data = new Float32Array(size(dims));
  return makeGraph({
    node: [makeNode('Identity', { input: [`zeros${dims.join('_')}`], output: ['branch'] })],
    initializer: [makeTensor(`zeros${dims.join('_')}`, { dims, data })],
    output: [makeValueInfo('branch', 'float32', dims)],
  });
}

/** Carries x + x and scans x. */
export function loopBody(): GraphProto {
  return makeGraph({
    input: [makeValueInfo('n', 'int64', []), makeValueInfo('go', 'bool', []), makeValueInfo('x', 'float32')],
    node: [
      makeNode('Identity', { input: ['go'], output: ['goes'] }),
      makeNode('Add', { input: ['x', 'x'], output: ['doubled'] }),
      makeNode('Identity', { input: ['x'], output: ['seen'] }),
    ],
    output: [makeValueInfo('goes', 'bool', []), makeValueInfo('doubled', 'float32'), makeValueInfo('seen', 'float32')],
  });
}

/** State plus element, scanned as well. */
export function scanBody(): GraphProto {
  const types: DataTypeName = 'float32';
  return makeGraph({
    input: [makeValueInfo('state', types), makeValueInfo('element', types)],
    node: [
      makeNode('Add', { input: ['state', 'element'], output: ['next'] }),
      makeNode('Identity', { input: ['next'], output: ['kept'] }),
    ],
    output: [makeValueInfo('next', types), makeValueInfo('kept', types)],
  });
}
