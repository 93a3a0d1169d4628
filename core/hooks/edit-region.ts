// Where an edit acts: masks over the positions and heads of a value, made in the graph because contexts differ in length,
// and which row of the edit's own value belongs to which position.
//   L  length of the context      span [s, e): s = from, or L + from where from < 0; e likewise, L where `to` is null
//   chosen(p) = s ≤ p < e in one of the spans        row(p) = row + (p − s)
// A span that begins beyond a short context is empty there, so that context stays as it is.
import type { PositionSpan } from '../../schemas/model-edits.js';
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

export interface RegionInput {
  /** Names of the axes of the site. */
  readonly axes: readonly string[];
  readonly at?: readonly PositionSpan[] | undefined;
  readonly heads?: readonly number[] | undefined;
}

export interface Region {
  /** Boolean, as many axes as the value; null: everywhere. */
  readonly mask: Value | null;
  /** [L]: the value's row of each position, 0 outside; null where the spans name no rows. */
  readonly rows: Value | null;
}

/** Index of the axis that `at` counts along: the tokens, in attention scores those of the query; −1 where there is none. */
export function positionAxis(axes: readonly string[]): number {
  return axes.findIndex((axis) => axis === 'pos' || axis === 'query_pos');
}

/** Index of the axis that `heads` counts along; −1 where there is none. */
export function headAxis(axes: readonly string[]): number {
  return axes.findIndex((axis) => axis === 'head' || axis === 'kv_head');
}

/** The chosen positions and heads of a value `x` with the axes of its site. */
export function within(g: GraphBuilder, x: Value, { axes, at, heads }: RegionInput): Region {
  const rank = axes.length;
  const positions = at && spansOf(g, x, { spans: at, axis: positionAxis(axes), rank });
  const single = heads?.map((head) => ({ from: head, to: head + 1 }));
  const chosen = single && spansOf(g, x, { spans: single, axis: headAxis(axes), rank });
  const masks = [positions?.mask, chosen?.mask].filter((mask) => mask !== undefined);
  const [first = null, second] = masks;
  const mask = first && second ? g.op('And', [first, second]) : first;
  return { mask, rows: positions?.rows ?? null };
}

interface AxisSpans {
  readonly spans: readonly PositionSpan[];
  readonly axis: number;
  readonly rank: number;
}

function spansOf(
  g: GraphBuilder,
  x: Value,
  { spans, axis, rank }: AxisSpans,
): { readonly mask: Value; readonly rows: Value | null } {
  const L = g.op('Gather', [g.op('Shape', [x]), g.integer(axis)]);
  const p = g.op('Range', [g.integer(0), L, g.integer(1)]);
  const counted = (place: number): Value => (place >= 0 ? g.integer(place) : g.op('Add', [L, g.integer(place)]));
  let mask: Value | null = null;
  let rows: Value | null = null;
  for (const { from, to, row } of spans) {
    const s = counted(from);
    const after = g.op('Not', [g.op('Less', [p, s])]);
    const inside = to === null ? after : g.op('And', [after, g.op('Less', [p, counted(to)])]);
    mask = mask ? g.op('Or', [mask, inside]) : inside;
    if (row === undefined) continue;
    const own = g.op('Add', [g.op('Sub', [p, s]), g.integer(row)]);
    rows = g.op('Where', [inside, own, rows ?? g.integer(0)]);
  }
  const ones = Array.from({ length: rank }, (_, i) => (i === axis ? -1 : 1));
  const all = mask ?? g.op('Less', [p, g.integer(0)]);
  return { mask: g.op('Reshape', [all, g.integers(...ones)]), rows };
}
