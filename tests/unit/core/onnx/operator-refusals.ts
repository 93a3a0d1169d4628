// Calls that the rows of the operator table refuse, and the words that they refuse them with.
import type { DataTypeName } from '../../../../core/onnx/data-type.js';
import { makeGraph, makeInt64, makeValueInfo, type NodeParts } from '../../../../core/onnx/make.js';
import type { OperatorName } from '../../../../core/onnx/operators/table.js';

export type Text = `${DataTypeName} ${string}`;
export interface Wrong {
  readonly name: OperatorName;
  /** `float32 batch,4`; `int64 2=3,4` is a vector with contents; null is left out. */
  readonly inputs: readonly (Text | null)[];
  readonly attributes?: NodeParts['attributes'];
  readonly outputs?: number;
  /** The message behind the call. */
  readonly says: string;
}

const body = (outputs: [string, DataTypeName][]) =>
  makeGraph({ node: [], output: outputs.map(([name, dtype]) => makeValueInfo(name, dtype, [2])) });

export const WRONG: readonly Wrong[] = [
  // Counts, attributes.
  { name: 'Add', inputs: ['float32 2'], says: 'expected 2 inputs, got 1' },
  { name: 'Add', inputs: ['float32 2', null], says: 'expected an input 1, got none' },
  { name: 'Relu', inputs: ['float32 2', 'float32 2'], says: 'expected 1 input, got 2' },
  { name: 'TopK', inputs: ['float32 2', 'int64 1=1'], says: 'expected 2 outputs, got 1' },
  { name: 'Concat', inputs: [], says: 'expected at least 1 input, got 0' },
  {
    name: 'Softmax',
    inputs: ['float32 2'],
    attributes: { axes: 1 },
    says: 'expected attributes among: axis, got "axes"',
  },
  {
    name: 'Softmax',
    inputs: ['float32 2'],
    attributes: { axis: { f: 1 } },
    says: 'expected attribute "axis" of kind int, got attribute type 1',
  },
  // Element types.
  {
    name: 'Sqrt',
    inputs: ['int64 2'],
    says: 'expected input 0 of type float32, float16, float64, bfloat16, got int64 in "in0"',
  },
  { name: 'And', inputs: ['bool 2', 'float32 2'], says: 'expected input 1 of type bool, got float32 in "in1"' },
  {
    name: 'Less',
    inputs: ['float32 2', 'int64 2'],
    says: 'expected inputs of one element type, got float32 in "in0" and int64 in "in1"',
  },
  {
    name: 'Mul',
    inputs: ['float32 2', 'float64 2'],
    says: 'expected inputs of one element type, got float32 in "in0" and float64 in "in1"',
  },
  {
    name: 'Where',
    inputs: ['float32 2', 'float32 2', 'float32 2'],
    says: 'expected input 0 of type bool, got float32 in "in0"',
  },
  {
    name: 'Gather',
    inputs: ['float32 2', 'float32 2'],
    says: 'expected input 1 of type int64, int32, got float32 in "in1"',
  },
  { name: 'Reshape', inputs: ['float32 2', 'int32 1=2'], says: 'expected input 1 of type int64, got int32 in "in1"' },
  {
    name: 'Cast',
    inputs: ['float32 2'],
    attributes: { to: 99 },
    says: 'expected an attribute "to" with a known element type, got 99',
  },
  // Shapes that meet.
  {
    name: 'Add',
    inputs: ['float32 2,3', 'float32 4'],
    says: 'expected shapes that broadcast: equal sizes, or 1, from the right, got [2, 3] and [4], where 3 meets 4',
  },
  {
    name: 'Add',
    inputs: ['float32 batch,4', 'float32 pos,4'],
    says: 'expected shapes that broadcast: equal sizes, or 1, from the right, got [batch, 4] and [pos, 4], where batch meets pos',
  },
  {
    name: 'Add',
    inputs: ['float32 d_model', 'float32 7'],
    says: 'expected shapes that broadcast: equal sizes, or 1, from the right, got [d_model] and [7], where d_model meets 7',
  },
  { name: 'MatMul', inputs: ['float32 2,3', 'float32 4,5'], says: 'expected equal inner axes, got 3 and 4' },
  { name: 'MatMul', inputs: ['float32 ', 'float32 4'], says: 'expected at least one axis each, got a scalar' },
  {
    name: 'Gemm',
    inputs: ['float32 2,3,4', 'float32 4,5'],
    says: 'expected matrices, got a tensor of shape [2, 3, 4]',
  },
  { name: 'Gemm', inputs: ['float32 2,3', 'float32 4,3'], says: 'expected equal inner axes, got 3 and 4' },
  {
    name: 'Einsum',
    inputs: ['float32 2,3'],
    attributes: { equation: 'ij,jk->ik' },
    says: 'expected 1 terms in the equation, got "ij,jk->ik"',
  },
  {
    name: 'Einsum',
    inputs: ['float32 2,3,4'],
    attributes: { equation: 'ij->i' },
    says: 'expected 2 axes for "ij", got [2, 3, 4]',
  },
  {
    name: 'Concat',
    inputs: ['float32 2,3', 'float32 2'],
    attributes: { axis: 0 },
    says: 'expected inputs of equal rank, got [2, 3] and [2]',
  },
  {
    name: 'Concat',
    inputs: ['float32 2,3', 'float32 2,4'],
    attributes: { axis: 0 },
    says: 'expected two axes of one size, got 3 and 4',
  },
  {
    name: 'LayerNormalization',
    inputs: ['float32 2,8', 'float32 7'],
    says: 'expected shapes that broadcast: equal sizes, or 1, from the right, got [2, 8] and [7], where 8 meets 7',
  },
  {
    name: 'LayerNormalization',
    inputs: ['float32 8', 'float32 2,8'],
    says: 'expected a scale of at most 1 axes, got [2, 8]',
  },
  // Axes and permutations.
  { name: 'Softmax', inputs: ['float32 2,3'], attributes: { axis: 2 }, says: 'expected an axis in [-2, 1], got 2' },
  { name: 'ReduceSum', inputs: ['float32 2,3', 'int64 1=-3'], says: 'expected an axis in [-2, 1], got -3' },
  {
    name: 'Transpose',
    inputs: ['float32 2,3'],
    attributes: { perm: [0, 0] },
    says: 'expected a permutation of 2 axes, got [0, 0]',
  },
  { name: 'Squeeze', inputs: ['float32 2,3', 'int64 1=1'], says: 'expected axis 1 of size 1, got [2, 3]' },
  { name: 'Unsqueeze', inputs: ['float32 2'], says: 'expected axes, got none' },
  { name: 'Unsqueeze', inputs: ['float32 2', 'int64 2=0,0'], says: 'expected different axes, got [0, 0]' },
  // Numbers of elements.
  {
    name: 'Reshape',
    inputs: ['float32 batch,6', 'int64 3=batch,4,2'],
    says: 'expected as many elements as [batch, 6], got a target [batch, 4, 2]',
  },
  {
    name: 'Reshape',
    inputs: ['float32 2,6', 'int64 2=5,-1'],
    says: 'expected as many elements as [2, 6], got a target [5, -1]',
  },
  { name: 'Reshape', inputs: ['float32 2,6', 'int64 2=-1,-1'], says: 'expected at most one -1, got [-1, -1]' },
  {
    name: 'Split',
    inputs: ['float32 2,6', 'int64 2=2,3'],
    attributes: { axis: 1 },
    outputs: 2,
    says: 'expected sizes that add up to 6, got 2 + 3 = 5',
  },
  {
    name: 'Split',
    inputs: ['float32 2,6', 'int64 3=2,2,2'],
    attributes: { axis: 1 },
    outputs: 2,
    says: 'expected 2 sizes, one per output, got 3',
  },
  { name: 'Tile', inputs: ['float32 2,6', 'int64 1=2'], says: 'expected 2 repeats, one per axis, got 1' },
  { name: 'Pad', inputs: ['float32 2,6', 'int64 2=1,1'], says: 'expected 4 pads, two per axis, got 2' },
  { name: 'TopK', inputs: ['float32 2,6', 'int64 1=7'], outputs: 2, says: 'expected k of at most 6, got 7' },
  // Scalars, indices.
  { name: 'Clip', inputs: ['float32 2', 'float32 1'], says: 'expected scalar bounds, got "in1" of shape [1]' },
  { name: 'Range', inputs: ['int64 ', 'int64 2', 'int64 '], says: 'expected scalar bounds, got "in1" of shape [2]' },
  {
    name: 'GatherND',
    inputs: ['float32 2,3', 'int64 4,3'],
    says: 'expected index vectors of at most 2 numbers, got 3',
  },
  { name: 'GatherElements', inputs: ['float32 2,3', 'int64 4'], says: 'expected equal numbers of axes, got 2 and 1' },
  {
    name: 'ScatterND',
    inputs: ['float32 5,3', 'int64 2,1', 'float32 2,4'],
    says: 'expected two axes of one size, got 3 and 4',
  },
  {
    name: 'Constant',
    inputs: [],
    says: 'expected an attribute value, value_int, value_ints, value_float or value_floats, got none',
  },
  {
    name: 'Constant',
    inputs: [],
    attributes: { value: { ...makeInt64('', 1), dataType: 77 } },
    says: 'expected a known element type, got 77',
  },
  { name: 'RandomNormal', inputs: [], says: 'expected an attribute "shape", got none' },
  // Bodies.
  {
    name: 'If',
    inputs: ['bool '],
    attributes: { then_branch: body([['a', 'float32']]), else_branch: body([['a', 'int64']]) },
    says: 'expected one element type of output 0, got float32 and int64',
  },
  {
    name: 'If',
    inputs: ['bool '],
    attributes: { then_branch: body([]), else_branch: body([['a', 'int64']]) },
    says: 'expected 1 outputs of each branch, got 0 and 1',
  },
  {
    name: 'If',
    inputs: ['bool '],
    attributes: { then_branch: body([['a', 'float32']]) },
    says: 'expected a graph "else_branch", got none',
  },
  {
    name: 'Loop',
    inputs: ['int64 ', null, 'float32 2'],
    attributes: {
      body: body([
        ['go', 'bool'],
        ['x', 'float64'],
      ]),
    },
    says: "expected a carried tensor of type float32, got float64 from the body's output 1",
  },
  {
    name: 'Loop',
    inputs: ['int64 ', null, 'float32 2'],
    attributes: { body: body([['go', 'bool']]) },
    says: 'expected 2 outputs of the body, got 1',
  },
  // Losses, attention, quantised weights.
  { name: 'SoftmaxCrossEntropyLoss', inputs: ['float32 2,5,3', 'int64 2'], says: 'expected labels [2, 3], got [2]' },
  {
    name: 'SoftmaxCrossEntropyLoss',
    inputs: ['float32 2,5', 'int64 2'],
    attributes: { reduction: 'max' },
    says: 'expected none, mean or sum, got max',
  },
  {
    name: 'Attention',
    inputs: ['float32 2,3,8', 'float32 2,3,8', 'float32 2,3,8'],
    says: 'expected [batch, heads, length, size], or [batch, length, width] with a number of heads, got [2, 3, 8]',
  },
  {
    name: 'com.microsoft.MatMulNBits',
    inputs: ['float32 2,16', 'uint8 6,2,8', 'float32 12'],
    attributes: { K: 32, N: 6 },
    says: 'expected a last axis of K = 32, got 16',
  },
  {
    name: 'com.microsoft.MatMulNBits',
    inputs: ['float32 2,16', 'uint8 6,2,8', 'float32 12'],
    attributes: { N: 6 },
    says: 'expected attributes K and N, got one missing',
  },
];
