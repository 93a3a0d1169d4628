// Derivatives of matrix products. The product with a weight matrix [k, n] goes through Gemm on flattened rows, which takes
// transposed operands as they are; batched products transpose by known rank, else by com.microsoft.FusedMatMul.
import type { Value } from '../../onnx/shape.js';
import type { ShapedExpressions } from '../shapes.js';
import { cotangentOf, forNeeded, inputOf, maskedRows, type Rule, type RuleCall } from '../rule.js';

/** Whether an operand is read transposed. */
interface Turned {
  readonly transA?: boolean;
  readonly transB?: boolean;
}

interface Product {
  readonly a: Value;
  readonly b: Value;
  readonly dy: Value;
}

/**
 * Y = A B, A [… m, k], B [… k, n], leading axes broadcast: dA = dY Bᵀ, dB = Aᵀ dY, summed to the operand's shape.
 * A vector counts as a row (A) or a column (B), whose axis Y lacks.
 */
export const matMul: Rule = (call) => productGradients(call, [inputOf(call, 0), inputOf(call, 1)], 1);

function productGradients(call: RuleCall, operands: readonly [Value, Value], alpha: number): (Value | null)[] {
  const { k } = call;
  const dy = k.scale(alpha, cotangentOf(call));
  const [A, B] = operands;
  if (A.shape?.length === 1 || B.shape?.length === 1) return vectorGradients(call, { a: A, b: B, dy });
  // Rows of dY meet rows of A, columns of dY columns of B.
  const a = settled(call, 0, { value: A, dy, axis: -1 });
  const b = settled(call, 1, { value: B, dy, axis: -2 });
  if (b.shape?.length === 2) return weightGradients(call, { a, b, dy });
  return forNeeded(
    call,
    () => k.sumTo(product(k, [dy, b], { transB: true }), A, { others: [b], inner: 2 }),
    () => k.sumTo(product(k, [a, dy], { transA: true }), B, { others: [a], inner: 2 }),
  );
}

/** A factor that may hold NaN: 0 in rows where dY is 0 along the axes. They may have more leading axes than the factor. */
function settled(call: RuleCall, i: number, { value, dy, axis }: { value: Value; dy: Value; axis: -1 | -2 }): Value {
  return call.risky(i) ? maskedRows(call, value, { dy, axes: [axis] }) : value;
}

/** B is one matrix: rows of A and dY are flattened to [rows, k] and [rows, n]. */
function weightGradients(call: RuleCall, { a, b, dy }: Product): (Value | null)[] {
  const { k } = call;
  const rows = asMatrix(k, dy);
  return forNeeded(
    call,
    () => k.reshapeLike(k.op('Gemm', [rows, b], { transB: 1 }), a),
    () => k.op('Gemm', [asMatrix(k, a), rows], { transA: 1 }),
  );
}

function vectorGradients(call: RuleCall, { a, b, dy }: Product): (Value | null)[] {
  const { k, g } = call;
  const [rowA, columnB] = [a.shape?.length === 1, b.shape?.length === 1];
  const widen = (x: Value, axis: number): Value => k.op('Unsqueeze', [x, g.integers(axis)]);
  const A = rowA ? widen(a, 0) : a;
  const B = columnB ? widen(b, 1) : b;
  const right = columnB ? widen(dy, -1) : dy;
  const dY = rowA ? widen(right, -2) : right;
  const [left, inner] = [
    settled(call, 0, { value: A, dy: dY, axis: -1 }),
    settled(call, 1, { value: B, dy: dY, axis: -2 }),
  ];
  const narrow = (x: Value, axis: number | null): Value => (axis === null ? x : k.op('Squeeze', [x, g.integers(axis)]));
  return forNeeded(
    call,
    () => narrow(k.sumTo(product(k, [dY, inner], { transB: true }), A, { others: [inner], inner: 2 }), rowA ? 0 : null),
    () =>
      narrow(k.sumTo(product(k, [left, dY], { transA: true }), B, { others: [left], inner: 2 }), columnB ? 1 : null),
  );
}

/**
 * Y = α A′ B′ + β C with A′ = A or Aᵀ, B′ = B or Bᵀ: dA′ = α dY B′ᵀ, dB′ = α A′ᵀ dY, dC = β dY summed to C's shape;
 * the gradient of a transposed operand is written transposed at once.
 */
export const gemm: Rule = (call) => {
  const { k, attributes } = call;
  const dy = cotangentOf(call);
  const alpha = { f: attributes.float('alpha', 1) };
  const transA = attributes.int('transA', 0);
  const transB = attributes.int('transB', 0);
  // Rows of dY meet rows of A′, columns of dY columns of B′.
  const met = (i: number, flag: number): Value =>
    flag && call.guarded && call.risky(i) ? k.transpose(dy, [1, 0]) : dy;
  const a = settled(call, 0, { value: inputOf(call, 0), dy: met(0, transA), axis: transA ? -2 : -1 });
  const b = settled(call, 1, { value: inputOf(call, 1), dy: met(1, transB), axis: transB ? -1 : -2 });
  return forNeeded(
    call,
    () =>
      transA
        ? k.op('Gemm', [b, dy], { alpha, transA: transB, transB: 1 })
        : k.op('Gemm', [dy, b], { alpha, transB: 1 - transB }),
    () =>
      transB
        ? k.op('Gemm', [dy, a], { alpha, transA: 1, transB: transA })
        : k.op('Gemm', [a, dy], { alpha, transA: 1 - transA }),
    () => k.sumTo(k.scale(attributes.float('beta', 1), dy), inputOf(call, 2)),
  );
};

/**
 * Y = α A′ B′, A′ and B′ transposed in their last two axes where transA, transB say so: as MatMul, then transposed back.
 */
export const fusedMatMul: Rule = (call) => {
  const { k, attributes } = call;
  const [a, b] = [inputOf(call, 0), inputOf(call, 1)];
  const [transA, transB] = [attributes.int('transA', 0) === 1, attributes.int('transB', 0) === 1];
  const turned = productGradients(
    call,
    [transA ? swapLast(k, a) : a, transB ? swapLast(k, b) : b],
    attributes.float('alpha', 1),
  );
  const [dA = null, dB = null] = turned;
  return [dA && transA ? swapLast(k, dA) : dA, dB && transB ? swapLast(k, dB) : dB];
};

/** A B with operands read transposed in their last two axes. */
export function product(
  k: ShapedExpressions,
  [a, b]: readonly [Value, Value],
  { transA = false, transB = false }: Turned = {},
): Value {
  const known = (!transA || a.shape !== null) && (!transB || b.shape !== null);
  if (known) return k.op('MatMul', [transA ? swapLast(k, a) : a, transB ? swapLast(k, b) : b]);
  const attributes = { transA: Number(transA), transB: Number(transB) };
  return k.g.op('FusedMatMul', [a, b], { attributes, domain: 'com.microsoft' });
}

/** x with its last two axes exchanged. */
function swapLast(k: ShapedExpressions, x: Value): Value {
  if (x.shape === null) {
    // A product with one matrix exchanges nothing else where the rank is not known.
    return k.g.op('Einsum', [x], { attributes: { equation: '...ij->...ji' } });
  }
  const rank = x.shape.length;
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  return k.transpose(x, [...perm.slice(0, -2), rank - 1, rank - 2]);
}

/** x [… , d] as a matrix [rows, d]. */
function asMatrix(k: ShapedExpressions, x: Value): Value {
  if (x.shape?.length === 2) return x;
  const last = k.g.sizeOf(x.shape?.at(-1) ?? '?');
  if (last !== null && last > 0) return k.reshape(x, k.g.integers(-1, last));
  return k.op('Flatten', [x], { axis: -1 });
}
