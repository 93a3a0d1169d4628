// How a site is seen in a tensor of the graph, as plain data, and the nodes that bring the tensor into the site's own axes and
// back. Adds nodes only; which tensor and which view is decided by the resolver.
import { InputError } from '../../schemas/errors.js';
import type { GraphBuilder } from '../onnx/builder.js';
import type { Dim, Value } from '../onnx/shape.js';
import type { Atom, Layout } from './layout.js';

/** The tensor's atoms by its own axes, and by the site's axes. */
export interface AxesView {
  readonly kind: 'axes';
  readonly from: Layout;
  readonly to: Layout;
  /** The token ids [batch, pos], whose sizes are those of the atoms `batch` and `pos`. */
  readonly like: string;
}

/** A value inside a LayerNormalization operator (or a variant without mean or bias): computed beside it, spliced within it. */
export interface NormView {
  readonly kind: 'norm';
  readonly part: 'scale' | 'normalized';
  /** How the operator's axes are seen; null where they are the site's. */
  readonly shown: AxesView | null;
}

/** The tensor holds 1 / site. */
export interface ReciprocalView {
  readonly kind: 'reciprocal';
}

export type SiteView = AxesView | NormView | ReciprocalView;

/** What a tensor looks like from a site, or why it cannot be seen so. */
export interface Located {
  readonly tensor: string;
  /** Null: the tensor itself. */
  readonly view: SiteView | null;
  /** Sizes of the site's axes. */
  readonly sizes: readonly Dim[];
}

/**
 * A tensor seen along the named axes, e.g. `head`, which takes the atoms `head` and `head.*` in their order.
 * Null where the tensor holds other atoms.
 */
export function locate(
  { tensor, layout, like }: { tensor: string; layout: Layout; like: string },
  axes: readonly string[],
): Located | null {
  const held = layout.flat();
  const to = axes.map((axis) =>
    held.filter(({ label }) => rootOf(label) === axis).sort((a, b) => (a.label < b.label ? -1 : 1)),
  );
  if (to.flat().length !== held.length) return null;
  const sizes = to.map((atoms) => sizeOf(atoms));
  const plain = layout.length === to.length && to.every((atoms, i) => equal(atoms, layout[i] ?? []));
  return { tensor, sizes, view: plain ? null : { kind: 'axes', from: layout, to, like } };
}

/** What a view costs: 0 for a tensor that is the site itself, 1 for a Transpose, 2 for a Reshape. */
export function viewCost(view: SiteView | null): number {
  if (view === null) return 0;
  if (view.kind !== 'axes') return 5;
  const { from, to } = view;
  if (isOrdered(from, to)) return 2;
  return (isSplit(from) ? 2 : 0) + 1 + (isSplit(to) ? 2 : 0);
}

/** The tensor in the site's axes. */
export function applyAxes(g: GraphBuilder, value: Value, view: AxesView): Value {
  return rearrange(g, value, { ...view, source: value });
}

/** The value of the site back in the axes of `original`. */
export function undoAxes(
  g: GraphBuilder,
  edited: Value,
  { view, original }: { readonly view: AxesView; readonly original: Value },
): Value {
  const back = rearrange(g, edited, { ...view, from: view.to, to: view.from, source: original, layout: view.from });
  return back;
}

interface Rearrangement extends Pick<AxesView, 'from' | 'to' | 'like'> {
  /** The graph's tensor, and its layout where that is not `from`: where sizes are read. */
  readonly source: Value;
  readonly layout?: Layout;
}

function rearrange(g: GraphBuilder, value: Value, how: Rearrangement): Value {
  const { from, to } = how;
  const sizes = new AtomSizes(g, how);
  const atoms = from.flat();
  const wanted = to.flat();
  const ordered = isOrdered(from, to);
  let current = value;
  if (!ordered && isSplit(from)) {
    current = g.op('Reshape', [current, sizes.shape(atoms.map((one) => [one]))]);
  }
  if (!ordered) {
    const perm = wanted.map((one) => atoms.findIndex(({ label }) => label === one.label));
    current = g.op('Transpose', [current], { attributes: { perm } });
  }
  const have = ordered ? from : wanted.map((one) => [one]);
  const same = have.length === to.length && to.every((axis, i) => equal(axis, have[i] ?? []));
  return same ? current : g.op('Reshape', [current, sizes.shape(to)]);
}

/** Sizes of atoms as tensors. */
class AtomSizes {
  readonly #g: GraphBuilder;
  readonly #how: Rearrangement;

  constructor(g: GraphBuilder, how: Rearrangement) {
    this.#g = g;
    this.#how = how;
  }

  /** The shape of the axes, as the input of a Reshape: one unknown size is left to it. */
  shape(axes: Layout): Value {
    const g = this.#g;
    const known = axes.map((axis) => sizeOf(axis));
    if (known.filter((size) => typeof size !== 'number').length <= 1)
      return g.integers(...known.map((size) => (typeof size === 'number' ? size : -1)));
    const parts = axes.map((axis, i) => {
      const size = known[i];
      return typeof size === 'number' ? g.integers(size) : this.#computed(axis);
    });
    return g.op('Concat', parts, { attributes: { axis: 0 } });
  }

  #computed(axis: readonly Atom[]): Value {
    const [first, ...rest] = axis.map((one) => this.#one(one));
    return rest.reduce((product, size) => this.#g.op('Mul', [product, size]), first as Value);
  }

  #one({ label, size }: Atom): Value {
    const g = this.#g;
    if (typeof size === 'number') return g.integers(size);
    const { source, layout, from, like } = this.#how;
    const own = (layout ?? from).findIndex((axis) => axis.length === 1 && axis[0]?.label === label);
    if (own >= 0) return sizeAt(g, source, own);
    const named = ['batch', 'pos'].indexOf(label);
    if (named >= 0) return sizeAt(g, g.value(like), named);
    throw new InputError(
      `Expected the size of axis ${label} of tensor "${source.name}" to be known or an axis of its own, found ${size} inside a joint axis. Export the model with named or fixed axes.`,
      { tensor: source.name, axis: label, size },
    );
  }
}

function sizeAt(g: GraphBuilder, value: Value, axis: number): Value {
  const shape = g.op('Shape', [value]);
  return g.op('Slice', [shape, g.integers(axis), g.integers(axis + 1)]);
}

function isSplit(layout: Layout): boolean {
  return layout.some((axis) => axis.length !== 1);
}

/** Whether the atoms lie in the same order on both sides. */
function isOrdered(from: Layout, to: Layout): boolean {
  return equal(from.flat(), to.flat());
}

function equal(a: readonly Atom[], b: readonly Atom[]): boolean {
  return a.length === b.length && a.every((one, i) => one.label === b[i]?.label);
}

function rootOf(label: string): string {
  return label.split('.')[0] ?? label;
}

/** The size of joint atoms: a number, or the text of what is known. */
export function sizeOf(atoms: readonly Atom[]): Dim {
  const sizes = atoms.map((one) => one.size);
  if (sizes.every((size) => typeof size === 'number')) return sizes.reduce((a, b) => a * b, 1);
  return sizes.join('*');
}
