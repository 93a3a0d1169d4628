// Operators of com.microsoft that ONNX Runtime's optimiser and its exporters write (attention is in its own file).
import { broadcastShapes } from '../broadcast.js';
import type { Dim, TensorType } from '../shape.js';
import { multiplyDims } from '../symbolic.js';
import { matMulShape } from './matrix.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import { FLOAT, INDEX, input, like, normaliseAxis, optional, row, sameType, type Shape } from './row.js';

const domain = 'com.microsoft';

export const MICROSOFT = {
  'com.microsoft.BiasGelu': row({ domain, inputs: 2, infer: withBias }),
  'com.microsoft.FastGelu': row({ domain, inputs: [1, 2], infer: withBias }),
  'com.microsoft.FusedMatMul': row({
    domain,
    inputs: 2,
    attributes: { alpha: 'float', transA: 'int', transB: 'int', transBatchA: 'int', transBatchB: 'int' },
    infer: fusedMatMul,
  }),
  'com.microsoft.GatherBlockQuantized': row({
    domain,
    inputs: [3, 4],
    attributes: { bits: 'int', block_size: 'int', gather_axis: 'int', quantize_axis: 'int' },
    infer: gatherBlockQuantized,
  }),
  'com.microsoft.Gelu': row({ domain, inputs: 1, infer: (call) => [like(input(call, 0, FLOAT))] }),
  'com.microsoft.MatMulNBits': row({
    domain,
    inputs: [3, 6],
    attributes: { K: 'int', N: 'int', accuracy_level: 'int', bits: 'int', block_size: 'int', weight_prepacked: 'int' },
    infer: matMulNBits,
  }),
  'com.microsoft.QuickGelu': row({
    domain,
    inputs: 1,
    attributes: { alpha: 'float' },
    infer: (call) => [like(input(call, 0, FLOAT))],
  }),
  'com.microsoft.SkipLayerNormalization': row({
    domain,
    inputs: [3, 5],
    outputs: [1, 4],
    attributes: { epsilon: 'float' },
    infer: skipNormalisation,
  }),
  'com.microsoft.SkipSimplifiedLayerNormalization': row({
    domain,
    inputs: [3, 4],
    outputs: [1, 4],
    attributes: { epsilon: 'float' },
    infer: skipNormalisation,
  }),
} satisfies Record<string, OperatorRow>;

function withBias(call: OperatorCall): TensorType[] {
  const x = input(call, 0, FLOAT);
  sameType(call, [0, 1]);
  broadcastShapes([x.shape, optional(call, 1, FLOAT)?.shape ?? []], call);
  return [like(x)];
}

function fusedMatMul(call: OperatorCall): TensorType[] {
  const [a, b] = [input(call, 0, FLOAT), input(call, 1, FLOAT)];
  const dtype = sameType(call, [0, 1]);
  const left = oriented(call, a.shape, 'A');
  return [{ dtype, shape: matMulShape(call, left, oriented(call, b.shape, 'B')) }];
}

/** transBatch moves the first axis to the last but one place, trans swaps the last two. */
function oriented(call: OperatorCall, shape: Shape, side: 'A' | 'B'): Shape {
  if (shape === null || shape.length < 2) return shape;
  let dims: readonly Dim[] = shape;
  if (call.attributes.int(`transBatch${side}`, 0) === 1) {
    const [first = 1, ...rest] = dims;
    dims = [...rest.slice(0, -1), first, ...rest.slice(-1)];
  }
  if (call.attributes.int(`trans${side}`, 0) === 0) return dims;
  const [m = 1, n = 1] = dims.slice(-2);
  return [...dims.slice(0, -2), n, m];
}

function matMulNBits(call: OperatorCall): TensorType[] {
  const { dtype, shape } = input(call, 0, FLOAT);
  const { attributes } = call;
  if (!attributes.has('N') || !attributes.has('K')) call.fail('attributes K and N', 'one missing');
  const [K, inner] = [attributes.int('K', 0), shape && call.sizeOf(shape.at(-1) ?? 1)];
  if (inner !== null && inner !== K) call.fail(`a last axis of K = ${K}`, String(inner));
  return [{ dtype, shape: shape && [...shape.slice(0, -1), attributes.int('N', 0)] }];
}

/** Gather over weights of `bits` bits; bytes hold several of them along the last axis. */
function gatherBlockQuantized(call: OperatorCall): TensorType[] {
  const [data, index] = [input(call, 0), input(call, 1, INDEX)];
  const { dtype } = input(call, 2, FLOAT);
  if (data.shape === null || index.shape === null) return [{ dtype, shape: null }];
  const rank = data.shape.length;
  const axis = normaliseAxis(call, call.attributes.int('gather_axis', 0), rank);
  const perByte = data.dtype === 'uint8' ? 8 / call.attributes.int('bits', 4) : 1;
  const last = multiplyDims(data.shape.at(-1) ?? 1, perByte) ?? call.unknownDim();
  const full = [...data.shape.slice(0, -1), last];
  return [{ dtype, shape: [...full.slice(0, axis), ...index.shape, ...full.slice(axis + 1)] }];
}

/** Outputs: normalised, mean, inverse deviation, and the sum that was normalised. */
function skipNormalisation(call: OperatorCall): TensorType[] {
  const [x, skip] = [input(call, 0, FLOAT), input(call, 1, FLOAT)];
  sameType(call, [0, 1, 2, 3, 4]);
  broadcastShapes([x.shape, skip.shape], call);
  const one = x.shape && [...x.shape.slice(0, -1), 1];
  return [like(x), { dtype: 'float32', shape: one }, { dtype: 'float32', shape: one }, like(x)];
}
