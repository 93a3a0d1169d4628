// Decoder rows of unit norm: the parallel part of their gradient is removed before the optimiser's step, the rows are divided by
// their norm after it. Where a feature writes several sites its row is that of all of them together.
//
//   before   g_w ← g_w − (Σ_v g_v · p_v) p_w        after   p_w ← p_w / √(Σ_v ‖p_v‖²)
//   w, v over the tensors that hold the feature: a tensor of n < F rows holds the first n features
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

/** A decoder's rows with their gradient. */
export interface RowGradient {
  readonly rows: Value;
  readonly gradient: Value;
}

/** Gradients without their parallel part, in the order given. */
export function buildProjections(g: GraphBuilder, tensors: readonly RowGradient[]): Value[] {
  if (tensors.length === 0) return [];
  const along = tensors.map(({ rows, gradient }) =>
    g.op('ReduceSum', [g.op('Mul', [gradient, rows]), g.integers(1)], { attributes: { keepdims: 1 } }),
  );
  const whole = addRows(g, along);
  return tensors.map(({ rows, gradient }) => g.op('Sub', [gradient, g.op('Mul', [firstRows(g, whole, rows), rows])]));
}

/** Rows divided by their norms, in the order given. */
export function buildUnitRows(g: GraphBuilder, tensors: readonly Value[]): Value[] {
  const [only] = tensors;
  const reduce = (operator: string, rows: Value): Value =>
    g.op(operator, [rows, g.integers(1)], { attributes: { keepdims: 1 } });
  if (only && tensors.length === 1) return [g.op('Div', [only, reduce('ReduceL2', only)])];
  if (!only) return [];
  const squares = tensors.map((rows) => reduce('ReduceSumSquare', rows));
  const norms = g.op('Sqrt', [addRows(g, squares)]);
  return tensors.map((rows) => g.op('Div', [rows, firstRows(g, norms, rows)]));
}

function rowsOf({ shape }: Value): number {
  return Number(shape?.[0]);
}

/** Sums of columns [n, 1] of different lengths, the missing ends taken for 0. */
function addRows(g: GraphBuilder, columns: readonly Value[]): Value {
  const most = Math.max(...columns.map(rowsOf));
  const whole = columns.map((column) =>
    rowsOf(column) === most ? column : g.op('Pad', [column, g.integers(0, 0, most - rowsOf(column), 0)]),
  );
  return whole.reduce((a, b) => g.op('Add', [a, b]));
}

/** As many rows of a column as the tensor has. */
function firstRows(g: GraphBuilder, column: Value, tensor: Value): Value {
  if (rowsOf(column) === rowsOf(tensor)) return column;
  return g.op('Slice', [column, g.integers(0), g.integers(rowsOf(tensor)), g.integers(0)]);
}
