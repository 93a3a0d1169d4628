// What an edit of a dictionary's features does to a site that the dictionary writes. Appends nodes; which tensor is the site, and how
// it is replaced, is said by core/hooks and by the caller.
//
//   f   [N, n]  values of the edited features on what the dictionary reads, by the kind's own inference over stored weights
//   f'  [N, n]  set: a;  scale: c f;  add: f + c a;  ablate: 0, or a;  at the chosen positions, f elsewhere
//   x' = x + W_decᵀ (f' − f)     over the rows of the edited features alone, in float32;   x where f' = f, bit for bit
//
// That is the reconstruction from f' plus what the dictionary does not explain of x: x' = x_hat(f') + (x − x_hat(f)), in which all
// that is not edited cancels. The site written need not be the one read (transcoders).
// Kinds in INDEPENDENT compute a feature from its own rows of the weights, so that nothing is computed for the other features; the
// others (topk: whether a feature is among the k largest) need all of z.
// Test: tests/unit/models/edits/kinds.test.ts, features.test.ts.
import type { FeatureChange } from '../../schemas/model-edits.js';
import type { ArchitectureName } from '../../schemas/dictionaries.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import type { Value } from '../onnx/shape.js';
import type { Selection } from './rows.js';
import { type DictionaryShape, parametersOf } from './state.js';

/** Whether f_i follows from x and the rows i of the stored weights (and thresholds): then nothing else is computed. */
export const INDEPENDENT: { readonly [Name in ArchitectureName]: boolean } = {
  topk: false,
  relu: true,
  batchtopk: true,
  jumprelu: true,
  gated: true,
  matryoshka: true,
};

/** The axis of a tensor that counts features; −1 where it has none. */
export function featureAxis(shape: DictionaryShape, name: string): number {
  const own = shapeOf(shape, name);
  const other = shapeOf({ ...shape, features: shape.features + 1 }, name);
  return own.findIndex((size, axis) => size !== other[axis]);
}

function shapeOf(shape: DictionaryShape, name: string): readonly number[] {
  return parametersOf(shape).find((parameter) => parameter.name === name)?.shape ?? [];
}

/** f of single features [N, n], from a selection of all or of these alone. @param columns their places in the selection */
export function valuesOf(g: GraphBuilder, selection: Selection, columns: readonly number[]): Value {
  const ids = g.integers(...columns);
  if (selection.layout === 'dense') return g.op('Gather', [selection.value, ids], { attributes: { axis: 1 } });
  // [N, C, 1] = [n]: a feature occurs at most once per row.
  const fires = g.op('Equal', [g.op('Unsqueeze', [selection.feature, g.integers(2)]), ids]);
  const spread = g.op('Where', [fires, g.op('Unsqueeze', [selection.value, g.integers(2)]), g.scalar(0)]);
  return g.op('ReduceSum', [spread, g.integers(1)], { attributes: { keepdims: 0 } });
}

/** A change of the feature in column `column`, and where: a mask that broadcasts to [batch, pos, 1], null for everywhere. */
export interface PlacedChange {
  readonly column: number;
  readonly change: FeatureChange;
  readonly mask: Value | null;
}

/** f' − f [batch, pos, n]; several changes of one feature apply in their order. @param f [batch, pos, n] */
export function buildMoves(g: GraphBuilder, f: Value, changes: readonly PlacedChange[]): Value {
  const columns = [...new Set(changes.map(({ column }) => column))].sort((a, b) => a - b);
  const moves = columns.map((column) => {
    const before = g.op('Gather', [f, g.integers(column)], { attributes: { axis: 2 } });
    const own = changes.filter((one) => one.column === column);
    const after = own.reduce((now, { change, mask }) => {
      const changed = changedValue(g, now, change);
      return mask === null ? changed : g.op('Where', [mask, changed, now]);
    }, before);
    return g.op('Sub', [after, before]);
  });
  return moves.length === 1 ? (moves[0] as Value) : g.op('Concat', moves, { attributes: { axis: 2 } });
}

/** x' in the axes and type of x. @param moves f' − f [batch, pos, n] @param rows of W_dec for these features [n, d] */
export function buildMoved(
  g: GraphBuilder,
  x: Value,
  { moves, rows, rank }: { readonly moves: Value; readonly rows: Value; readonly rank: number },
): Value {
  const wide = cast(g, x, 'float32');
  const dx = g.op('Reshape', [g.op('MatMul', [moves, rows]), g.op('Shape', [wide])]);
  const differs = g.op('Not', [g.op('Equal', [moves, g.scalar(0)])]);
  const count = g.op('ReduceSum', [cast(g, differs, 'float32'), g.integers(2)], { attributes: { keepdims: 0 } });
  const moved = g.op('Unsqueeze', [
    g.op('Greater', [count, g.scalar(0)]),
    g.integers(...Array.from({ length: rank - 2 }, (_, i) => 2 + i)),
  ]);
  return cast(g, g.op('Where', [moved, g.op('Add', [wide, dx]), wide]), x.dtype);
}

function changedValue(g: GraphBuilder, f: Value, { op, value = 0, factor = 1 }: FeatureChange): Value {
  // A value in the place of another has its shape.
  const whole = (a: number): Value => g.op('Expand', [g.scalar(a), g.op('Shape', [f])]);
  if (op === 'scale') return g.op('Mul', [f, g.scalar(factor)]);
  if (op === 'add') return g.op('Add', [f, g.scalar(factor * value)]);
  return whole(value);
}

function cast(g: GraphBuilder, x: Value, dtype: Value['dtype']): Value {
  return x.dtype === dtype ? x : g.op('Cast', [x], { attributes: { to: DATA_TYPE[dtype] } });
}
