// What the axes of a tensor hold, as labels of layout atoms, and how they meet in one operator. Labels say where an axis came
// from: rows and positions of the token ids, features, or elsewhere. Nothing here reads a graph.
//
//   batch, pos   rows and positions of the token ids      key    positions a second time, beside `pos` (attention's pairs)
//   pos!         positions that are no longer those of the ids: some were put beside them, left out or moved (`batch!` likewise)
//   f7           features, numbered where they arise      -      axes of a tensor that does not come from the ids
//   ?            not known
import type { Atom, Layout } from './layout.js';
import { sizeOf } from './site-view.js';
import type { Dim } from '../onnx/shape.js';

export type Axis = readonly Atom[];

export const UNKNOWN = '?';
export const OUTSIDE = '-';

/** The label without the parts that a Reshape split it into: `pos` of `pos.0`. */
export function rootOf(label: string): string {
  return label.split('.')[0] ?? label;
}

export function isToken({ label }: Atom): boolean {
  return /^(batch|pos|key)!?$/.test(rootOf(label));
}

export function isMoved({ label }: Atom): boolean {
  return rootOf(label).endsWith('!');
}

export function isUnknownAtom({ label }: Atom): boolean {
  return rootOf(label) === UNKNOWN;
}

export function isFeature(atom: Atom): boolean {
  return !isToken(atom) && !isUnknownAtom(atom);
}

/** An axis of which only the size is known; none where it is 1. */
export function axisOf(label: string, size: Dim): Axis {
  return size === 1 ? [] : [{ label, size }];
}

/** A layout of which only the sizes are known. */
export function layoutOf(label: string, shape: readonly Dim[]): Layout {
  return shape.map((size) => axisOf(label, size));
}

/** The axes of an elementwise result: aligned at the right, axis by axis what tells most. */
export function broadcast(layouts: readonly Layout[]): Axis[] {
  const rank = Math.max(0, ...layouts.map((layout) => layout.length));
  return Array.from({ length: rank }, (_, axis) =>
    layouts.map((layout) => layout[axis - rank + layout.length] ?? []).reduce<Axis>((a, b) => meet(a, b), []),
  );
}

/** What an axis holds that two operands share: the same index runs over both. */
export function meet(a: Axis, b: Axis): Axis {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const [left, right] = [knowledge(a), knowledge(b)];
  if (left !== right) return left > right ? a : b;
  return left < TOKENS ? a : meetTokens(a, b);
}

const TOKENS = 3;

function knowledge(axis: Axis): number {
  if (axis.some(isToken)) return TOKENS;
  if (axis.some(isUnknownAtom)) return 1;
  return axis.some(({ label }) => rootOf(label) !== OUTSIDE) ? 2 : 0;
}

function meetTokens(a: Axis, b: Axis): Axis {
  const [left, right] = [tokensOf(a), tokensOf(b)];
  if (left === right) return a;
  const still = (text: string): string => text.replaceAll('!', '');
  if (still(left) === still(right)) return a.some(isMoved) ? b : a;
  const pairs = (text: string): string => text.replaceAll('key', 'pos');
  if (pairs(left) === pairs(right)) return left.includes('key') ? a : b;
  return [{ label: UNKNOWN, size: sizeOf(a) }];
}

/** The labels of an axis that come from the token ids, in their order. */
export function tokensOf(axis: Axis): string {
  return axis
    .filter(isToken)
    .map(({ label }) => label)
    .join();
}

/**
 * A result's layout: positions that stand twice are `pos` and `key`, positions that stand once are `pos`.
 * Null where rows stand twice, or positions three times.
 */
export function settle(layout: Layout): Layout | null {
  const seen = new Set<string>();
  let twice: Layout | null = layout.map((axis) =>
    axis.map((one): Atom => {
      if (!isToken(one)) return one;
      const label = seen.has(one.label) ? one.label.replace(/^pos/, 'key') : one.label;
      const known = seen.has(label);
      seen.add(label);
      return known ? { label: UNKNOWN, size: one.size } : { label, size: one.size };
    }),
  );
  const doubled = layout.flat().filter(isToken).length !== twice.flat().filter(isToken).length;
  if (doubled) twice = null;
  const roots = new Set((twice ?? []).flat().map(({ label }) => rootOf(label).replace('!', '')));
  if (twice === null || roots.has('pos') || !roots.has('key')) return twice;
  return twice.map((axis) => axis.map(({ label, size }) => ({ label: label.replace(/^key/, 'pos'), size })));
}

/** The axis after an operator that keeps, adds or moves some of its places. */
export function movedAxis(
  axis: Axis,
  { size, fresh }: { readonly size: Dim; readonly fresh: (size: Dim) => Axis },
): Axis {
  const tokens = axis.filter(isToken);
  const [token] = tokens;
  if (token === undefined) return axis.some(isUnknownAtom) ? axisOf(UNKNOWN, size) : fresh(size);
  if (axis.length > 1) return axisOf(UNKNOWN, size);
  return [{ label: `${rootOf(token.label).replace('!', '')}!`, size }];
}
