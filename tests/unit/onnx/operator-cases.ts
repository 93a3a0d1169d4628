// One or more uses of every operator of the table, with concrete inputs, for the comparison of inferred types with what ONNX
// Runtime computes. A row without a case fails the test; a row that the CPU provider cannot run says why.
import { DATA_TYPE, type DataTypeName } from '../../../core/onnx/data-type.js';
import {
  makeGraph,
  makeInt64,
  makeNode,
  makeTensor,
  makeValueInfo,
  type AttributeValue,
} from '../../../core/onnx/make.js';
import type { OperatorName } from '../../../core/onnx/operators/table.js';
import type { GraphProto } from '../../../core/onnx/proto.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import type { TensorDtype, TensorValue } from '../../../runtime/session.js';

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
function f(...dims: number[]): CaseInput {
  const data = Float32Array.from({ length: size(dims) }, () => 0.1 + 0.9 * random.nextFloat());
  return { value: { dtype: 'float32', dims, data }, stored: false };
}

/** Fed integers. */
function i(dims: number[], values: readonly number[], dtype: TensorDtype = 'int64'): CaseInput {
  const filled = Array.from({ length: size(dims) }, (_, n) => values[n % values.length] ?? 0);
  return { value: typed(dtype, dims, filled), stored: false };
}

function b(...dims: number[]): CaseInput {
  return i(dims, [1, 0, 0, 1, 1], 'bool');
}

/** A stored vector of int64. */
function ints(...values: number[]): CaseInput {
  return stored([values.length], values, 'int64');
}

function stored(dims: number[], values: readonly number[], dtype: TensorDtype): CaseInput {
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

const one = (...inputs: (CaseInput | null)[]): OperatorCase[] => [{ inputs }];
const unary = (attributes: OperatorCase['attributes'] = {}): OperatorCase[] => [
  { inputs: [f(2, 3)], attributes },
  { inputs: [f()], attributes },
];
const binary = (): OperatorCase[] => [
  { inputs: [f(2, 1, 3), f(4, 1)] },
  { inputs: [f(), f(2, 2)] },
  { inputs: [ints(7, 8, 9), ints(2)] },
];
const compare = (): OperatorCase[] => [{ inputs: [f(2, 3), f(3)] }, { inputs: [ints(1, 2), ints(2, 2)] }]; // prettier-ignore
const logic = (): OperatorCase[] => [{ inputs: [b(2, 3), b(3)] }];
const arg = (): OperatorCase[] => [
  { inputs: [f(2, 3)] },
  { inputs: [f(2, 3)], attributes: { axis: -1, keepdims: 0 } },
];
const reduce = (): OperatorCase[] => [
  { inputs: [f(2, 3, 4)] },
  { inputs: [f(2, 3, 4)], attributes: { keepdims: 0 } },
  { inputs: [f(2, 3, 4), ints(-1, 0)], attributes: { keepdims: 0 } },
  { inputs: [f(2, 3, 4), ints(1)] },
  { inputs: [f(2, 3, 4), ints()], attributes: { noop_with_empty_axes: 1 } },
];
const reduceByAttribute = (): OperatorCase[] => [
  ...reduce(),
  { inputs: [f(2, 3, 4)], attributes: { axes: [-1], keepdims: 0 }, opset: 13 },
];

/** Cases by operator; a text where ONNX Runtime's CPU provider cannot run it. */
export const CASES: Readonly<Record<OperatorName, readonly OperatorCase[] | string>> = {
  Abs: unary(),
  Add: binary(),
  And: logic(),
  ArgMax: arg(),
  ArgMin: arg(),
  Attention: [
    { inputs: [f(2, 4, 3, 8), f(2, 2, 5, 8), f(2, 2, 5, 6)], opset: 23 },
    { inputs: [f(2, 3, 32), f(2, 5, 16), f(2, 5, 16)], attributes: { q_num_heads: 4, kv_num_heads: 2 }, opset: 23 },
    { inputs: [f(1, 2, 3, 4), f(1, 2, 3, 4), f(1, 2, 3, 4), null, f(1, 2, 5, 4), f(1, 2, 5, 4)], outputs: 4, opset: 23 },
  ],
  Bernoulli: [{ inputs: [f(2, 3)] }, { inputs: [f(2, 3)], attributes: { dtype: DATA_TYPE.bool } }],
  Cast: [
    { inputs: [f(2, 3)], attributes: { to: DATA_TYPE.int64 } },
    { inputs: [ints(1, 2)], attributes: { to: DATA_TYPE.int32 } },
    { inputs: [ints(0, 2)], attributes: { to: DATA_TYPE.bool } },
  ],
  CastLike: one(f(2, 3), ints(1)),
  Ceil: unary(),
  Celu: unary(),
  Clip: one(f(2, 3), f(), f()),
  Concat: [
    { inputs: [f(2, 3), f(2, 4)], attributes: { axis: -1 } },
    { inputs: [ints(1, 2), ints(3)], attributes: { axis: 0 } },
  ],
  Constant: [
    { inputs: [], attributes: { value: makeTensor('', { dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) }) } },
    { inputs: [], attributes: { value_ints: [4, 5] } },
    { inputs: [], attributes: { value_int: 3 } },
    { inputs: [], attributes: { value_float: { f: 1 } } },
    { inputs: [], attributes: { value_floats: { floats: [1, 2] } } },
  ],
  ConstantOfShape: [
    { inputs: [ints(2, 3)] },
    { inputs: [ints(3)], attributes: { value: makeInt64('', [-1]) } },
    { inputs: [i([2], [2, 3])] },
  ],
  Conv: [
    { inputs: [f(2, 3, 10), f(4, 3, 3), f(4)], attributes: { pads: [1, 1] } },
    { inputs: [f(1, 2, 9, 8), f(4, 1, 3, 2)], attributes: { strides: [2, 1], dilations: [1, 2], group: 2, pads: [0, 1, 2, 0] } },
    { inputs: [f(1, 2, 9), f(4, 2, 3)], attributes: { auto_pad: 'SAME_UPPER', strides: [2] } },
  ],
  Cos: unary(),
  Cosh: unary(),
  CumSum: one(f(2, 3), stored([], [1], 'int64')),
  DequantizeLinear: one(i([2, 3], [1, 2], 'uint8'), f(), stored([], [1], 'uint8')),
  Div: binary(),
  Dropout: [
    { inputs: [f(2, 3)], outputs: 2 },
    { inputs: [f(2, 3), f(), stored([], [0], 'bool')] },
  ],
  DynamicQuantizeLinear: [{ inputs: [f(2, 3)], outputs: 3 }],
  Einsum: [
    { inputs: [f(2, 3, 4), f(2, 4, 5)], attributes: { equation: 'bij,bjk->bik' } },
    { inputs: [f(2, 6, 3, 4), f(1, 6, 4, 5)], attributes: { equation: '...ij,...jk->...ki' } },
    { inputs: [f(3, 4), f(4)], attributes: { equation: 'ij, j' } },
  ],
  Elu: unary({ alpha: { f: 0.5 } }),
  Equal: compare(),
  Erf: unary(),
  Exp: unary(),
  Expand: [
    { inputs: [f(3, 1), ints(2, 1, 6)] },
    { inputs: [f(3, 1), i([3], [2, 1, 6])] },
    { inputs: [stored([1], [7], 'int64'), ints(3)] },
  ],
  EyeLike: [{ inputs: [f(3, 4)] }, { inputs: [f(3, 4)], attributes: { dtype: DATA_TYPE.int64 } }],
  Flatten: [{ inputs: [f(2, 3, 4)] }, { inputs: [f(2, 3, 4)], attributes: { axis: -1 } }],
  Floor: unary(),
  Gather: [
    { inputs: [f(5, 3), i([2, 4], [0, 4, 2])] },
    { inputs: [f(2, 5, 3), ints(1)], attributes: { axis: 1 } },
    { inputs: [f(5, 3), stored([], [-1], 'int64')], attributes: { axis: -1 } },
    { inputs: [ints(5, 6, 7), ints(-1, 0)] },
  ],
  GatherElements: [{ inputs: [f(3, 4), i([2, 4], [0, 2])], attributes: { axis: 0 } }],
  GatherND: [
    { inputs: [f(3, 4, 5), i([2, 2], [0, 2])] },
    { inputs: [f(3, 4, 5), i([3, 6, 1], [0, 3])], attributes: { batch_dims: 1 } },
  ],
  Gelu: unary({ approximate: 'tanh' }),
  Gemm: [
    { inputs: [f(2, 3), f(3, 4), f(4)] },
    { inputs: [f(3, 2), f(4, 3)], attributes: { transA: 1, transB: 1 } },
  ],
  Greater: compare(),
  GreaterOrEqual: compare(),
  GroupNormalization: [{ inputs: [f(2, 4, 3), f(4), f(4)], attributes: { num_groups: 2 }, opset: 21 }],
  HardSigmoid: unary({ alpha: { f: 0.3 } }),
  HardSwish: unary(),
  Identity: [...unary(), ...one(ints(1, 2))],
  If: [{ inputs: [b()], attributes: { then_branch: constantBody([2, 3]), else_branch: constantBody([2, 4]) } }],
  InstanceNormalization: one(f(2, 3, 4), f(3), f(3)),
  IsInf: unary(),
  IsNaN: unary(),
  LayerNormalization: [
    { inputs: [f(2, 3, 4), f(4), f(4)], outputs: 3 },
    { inputs: [f(2, 3, 4), f(3, 4)], attributes: { axis: 1 }, outputs: 3 },
  ],
  LeakyRelu: unary(),
  Less: compare(),
  LessOrEqual: compare(),
  Log: unary(),
  LogSoftmax: unary({ axis: -1 }).slice(0, 1),
  Loop: [
    { inputs: [stored([], [3], 'int64'), null, f(2)], attributes: { body: loopBody() }, outputs: 2 },
    { inputs: [i([], [3]), stored([], [1], 'bool'), f(2)], attributes: { body: loopBody() }, outputs: 2 },
  ],
  MatMul: [
    { inputs: [f(2, 3, 4), f(4, 5)] },
    { inputs: [f(6, 1, 3, 4), f(2, 4, 5)] },
    { inputs: [f(4), f(2, 4, 5)] },
    { inputs: [f(2, 3, 4), f(4)] },
    { inputs: [f(4), f(4)] },
  ],
  MatMulInteger: one(i([2, 3], [1, 2], 'uint8'), i([3, 4], [1, 2], 'uint8'), stored([], [1], 'uint8')),
  Max: [{ inputs: [f(2, 3), f(3), f(2, 1)] }, { inputs: [ints(1, 5), ints(3)] }],
  Mean: one(f(2, 3), f(3)),
  Min: [{ inputs: [f(2, 3), f(3)] }, { inputs: [ints(1, 5), ints(3)] }],
  Mish: unary(),
  Mod: [{ inputs: [ints(5, -5), ints(3)] }, { inputs: [f(2, 3), f(3)], attributes: { fmod: 1 } }],
  Mul: binary(),
  NegativeLogLikelihoodLoss: [
    { inputs: [f(2, 5), i([2], [1, 2])] },
    { inputs: [f(2, 5, 3), i([2, 3], [1, 2]), f(5)], attributes: { reduction: 'none' } },
  ],
  Neg: [...unary(), ...one(ints(1, -2))],
  NonZero: one(f(2, 3)),
  Not: one(b(2, 3)),
  OneHot: [
    { inputs: [i([2, 3], [1, 2]), stored([], [5], 'int64'), f(2)] },
    { inputs: [i([2, 3], [1, 2]), ints(5), f(2)], attributes: { axis: 0 } },
  ],
  Or: logic(),
  Pad: [
    { inputs: [f(2, 3), ints(0, 1, 2, 0)] },
    { inputs: [f(2, 3), ints(1, 1), null, ints(-1)] },
    { inputs: [f(2, 3), i([4], [0, 1, 2, 0]), f()] },
  ],
  Pow: [{ inputs: [f(2, 3), f(3)] }, { inputs: [f(2, 3), stored([], [2], 'int64')] }],
  QuantizeLinear: [{ inputs: [f(2, 3), f()] }, { inputs: [f(2, 3), f(), stored([], [1], 'int8')] }],
  RMSNormalization: [{ inputs: [f(2, 3, 4), f(4)], opset: 23 }],
  RandomNormal: [{ inputs: [], attributes: { shape: [2, 3] } }],
  RandomNormalLike: one(f(2, 3)),
  RandomUniform: [{ inputs: [], attributes: { shape: [2, 3] } }],
  RandomUniformLike: one(f(2, 3)),
  Range: [
    { inputs: [stored([], [1], 'int64'), stored([], [8], 'int64'), stored([], [3], 'int64')] },
    { inputs: [stored([], [8], 'int64'), stored([], [1], 'int64'), stored([], [-2], 'int64')] },
    { inputs: [i([], [1]), i([], [8]), i([], [3])] },
    { inputs: [stored([], [0], 'float32'), stored([], [3], 'float32'), stored([], [1], 'float32')] },
  ],
  Reciprocal: unary(),
  ReduceL1: reduceByAttribute(),
  ReduceL2: reduceByAttribute(),
  ReduceLogSumExp: reduceByAttribute(),
  ReduceMax: reduceByAttribute(),
  ReduceMean: reduceByAttribute(),
  ReduceMin: reduceByAttribute(),
  ReduceProd: [...reduceByAttribute(), { inputs: [ints(2, 3, 4)], attributes: { keepdims: 0 } }],
  ReduceSum: reduce(),
  ReduceSumSquare: reduceByAttribute(),
  Relu: unary(),
  Reshape: [
    { inputs: [f(2, 3, 4), ints(0, -1)] },
    { inputs: [f(2, 3, 4), ints(-1, 2, 0)] },
    { inputs: [f(2, 3, 4), ints(4, 3, 2)] },
    { inputs: [f(0, 3), ints(3, 0)], attributes: { allowzero: 1 } },
    { inputs: [f(2, 3, 4), i([2], [6, 4])] },
    { inputs: [ints(5), ints()] },
  ],
  RotaryEmbedding: [{ inputs: [f(2, 4, 3, 8), f(2, 3, 4), f(2, 3, 4)], opset: 23 }],
  Round: unary(),
  ScatterElements: [{ inputs: [f(3, 4), i([2, 4], [0, 2]), f(2, 4)], attributes: { axis: 0 } }],
  ScatterND: [{ inputs: [f(5, 4), i([3, 1], [0, 2, 4]), f(3, 4)] }],
  Scan: [{ inputs: [f(2), f(5, 2)], attributes: { body: scanBody(), num_scan_inputs: 1 }, outputs: 2 }],
  Selu: unary(),
  Shape: [
    { inputs: [f(2, 3, 4)] },
    { inputs: [f(2, 3, 4)], attributes: { start: 1 } },
    { inputs: [f(2, 3, 4)], attributes: { start: -2, end: -1 } },
  ],
  Sigmoid: unary(),
  Sign: unary(),
  SimplifiedLayerNormalization: [{ inputs: [f(2, 3, 4), f(4)], outputs: 2 }],
  Sin: unary(),
  Sinh: unary(),
  Size: one(f(2, 3)),
  Slice: [
    { inputs: [f(5, 6), ints(1), ints(4)] },
    { inputs: [f(5, 6), ints(-3, 0), ints(Number.MAX_SAFE_INTEGER, 5), ints(0, 1), ints(1, 2)] },
    { inputs: [f(5, 6), ints(-1), ints(-Number.MAX_SAFE_INTEGER), ints(1), ints(-1)] },
    { inputs: [f(5, 6), ints(4), ints(0), ints(0), ints(-2)] },
    { inputs: [f(5, 6), i([1], [1]), ints(4), ints(1)] },
    { inputs: [ints(4, 5, 6, 7), ints(1), ints(100), ints(0), ints(2)] },
    { inputs: [ints(4, 5, 6, 7), ints(-1), ints(-Number.MAX_SAFE_INTEGER), ints(0), ints(-1)] },
  ],
  Softmax: unary({ axis: -1 }).slice(0, 1),
  SoftmaxCrossEntropyLoss: [
    { inputs: [f(2, 5), i([2], [1, 2])], outputs: 2 },
    { inputs: [f(2, 5, 3), i([2, 3], [1, 2])], attributes: { reduction: 'none' } },
  ],
  Softplus: unary(),
  Softsign: unary(),
  Split: [
    { inputs: [f(2, 7)], attributes: { axis: 1, num_outputs: 3 }, outputs: 3 },
    { inputs: [f(2, 7), ints(3, 4)], attributes: { axis: -1 }, outputs: 2 },
    { inputs: [f(2, 6)], attributes: { axis: 1 }, outputs: 3, opset: 13 },
    { inputs: [f(2, 7), i([2], [3, 4])], attributes: { axis: 1 }, outputs: 2 },
  ],
  Sqrt: unary(),
  Squeeze: [
    { inputs: [f(1, 3, 1), ints(-1)] },
    { inputs: [f(1, 3, 1)] },
    { inputs: [ints(3), ints(0)] },
  ],
  Sub: binary(),
  Sum: one(f(2, 3), f(3)),
  Swish: [{ inputs: [f(2, 3)], opset: 24 }],
  Tan: unary(),
  Tanh: unary(),
  ThresholdedRelu: unary(),
  Tile: [
    { inputs: [f(2, 3), ints(2, 1)] },
    { inputs: [f(2, 3), i([2], [2, 1])] },
    { inputs: [ints(4, 5), ints(2)] },
  ],
  TopK: [
    { inputs: [f(2, 6), ints(3)], outputs: 2 },
    { inputs: [f(6, 2), i([1], [3])], attributes: { axis: 0 }, outputs: 2 },
  ],
  Transpose: [{ inputs: [f(2, 3, 4)] }, { inputs: [f(2, 3, 4)], attributes: { perm: [1, 0, 2] } }],
  Trilu: one(f(3, 4), stored([], [1], 'int64')),
  Unsqueeze: [
    { inputs: [f(2, 3), ints(0, -1)] },
    { inputs: [f(2, 3), i([2], [0, 3])] },
    { inputs: [stored([], [3], 'int64'), ints(0)] },
  ],
  Where: [
    { inputs: [b(2, 1), f(3), f(2, 3)] },
    { inputs: [stored([2], [1, 0], 'bool'), ints(1, 2), ints(3, 4)] },
  ],
  Xor: logic(),
  'com.microsoft.BiasGelu': one(f(2, 4), f(4)),
  'com.microsoft.FastGelu': [...one(f(2, 4), f(4)), ...one(f(2, 4))],
  'com.microsoft.FusedMatMul': [
    { inputs: [f(2, 4, 3), f(2, 5, 4)], attributes: { transA: 1, transB: 1, alpha: { f: 2 } } },
    { inputs: [f(3, 2, 4), f(2, 4, 5)], attributes: { transBatchA: 1 } },
  ],
  'com.microsoft.GatherBlockQuantized': [
    { inputs: [i([5, 16], [17, 34], 'uint8'), i([2, 3], [0, 4]), f(5, 2)], attributes: { gather_axis: 0, quantize_axis: 1, block_size: 16, bits: 4 } },
  ],
  'com.microsoft.Gelu': unary(),
  'com.microsoft.GroupQueryAttention': [
    {
      inputs: [f(1, 3, 32), f(1, 3, 16), f(1, 3, 16), f(1, 2, 0, 8), f(1, 2, 0, 8), i([1], [2], 'int32'), stored([1], [3], 'int32')],
      attributes: { num_heads: 4, kv_num_heads: 2 },
      outputs: 3,
    },
  ],
  'com.microsoft.MatMulNBits': [
    { inputs: [f(2, 3, 32), stored([6, 2, 8], [17, 34], 'uint8'), stored([12], [0.1], 'float32')], attributes: { K: 32, N: 6, bits: 4, block_size: 16 } },
  ],
  'com.microsoft.MultiHeadAttention': [
    { inputs: [f(2, 3, 8), f(2, 5, 8), f(2, 5, 12)], attributes: { num_heads: 2 } },
    { inputs: [f(2, 3, 8), f(2, 2, 5, 4), f(2, 2, 5, 4)], attributes: { num_heads: 2 } },
  ],
  'com.microsoft.QuickGelu': unary({ alpha: { f: 1.5 } }),
  'com.microsoft.RotaryEmbedding': one(f(2, 3, 8), i([2, 3], [0, 1, 2]), f(6, 4), f(6, 4)),
  'com.microsoft.SkipLayerNormalization': [{ inputs: [f(2, 3, 4), f(2, 3, 4), f(4), f(4), f(4)], outputs: 4 }],
  'com.microsoft.SkipSimplifiedLayerNormalization': [{ inputs: [f(2, 3, 4), f(2, 3, 4), f(4)], outputs: 4 }],
}; // prettier-ignore

/** A branch that returns zeros. */
function constantBody(dims: number[]): GraphProto {
  const data = new Float32Array(size(dims));
  return makeGraph({
    node: [makeNode('Identity', { input: [`zeros${dims.join('_')}`], output: ['branch'] })],
    initializer: [makeTensor(`zeros${dims.join('_')}`, { dims, data })],
    output: [makeValueInfo('branch', 'float32', dims)],
  });
}

/** Carries x + x and scans x. */
function loopBody(): GraphProto {
  return makeGraph({
    input: [makeValueInfo('n', 'int64', []), makeValueInfo('go', 'bool', []), makeValueInfo('x', 'float32')],
    node: [
      makeNode('Identity', { input: ['go'], output: ['goes'] }),
      makeNode('Add', { input: ['x', 'x'], output: ['doubled'] }),
      makeNode('Identity', { input: ['x'], output: ['seen'] }),
    ],
    output: [makeValueInfo('goes', 'bool', []), makeValueInfo('doubled', 'float32'), makeValueInfo('seen', 'float32')],
  }); // prettier-ignore
}

/** State plus element, scanned as well. */
function scanBody(): GraphProto {
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
