// Which named axes a tensor's axes hold, followed through operators that only move values about (Transpose, Reshape, Expand …).
// Sizes come from inference; where they do not settle how axes split or merge, the answer is null, never a guess.
//
// A layout is one list of atoms per axis: [batch·head, pos, d_head] of shape [8, 9, 16] is [[batch, head], [pos], [d_head]].
// An atom that a Reshape splits becomes `head.0`, `head.1`, major first. An axis of size 1 holds no atom.
import { readAttributes } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Dim } from '../onnx/shape.js';
import { divideDims, isUnknown, multiplyDims, numericRatio } from '../onnx/symbolic.js';
import { integersOf, shapeOf, type SiteGraph } from './site-graph.js';

export interface Atom {
  /** Name of the axis, with the path of splits: `head`, `head.0`. */
  readonly label: string;
  readonly size: Dim;
}

export type Layout = readonly (readonly Atom[])[];

/** An atom that fills an axis; none where its size is 1. */
export function atom(label: string, size: Dim): readonly Atom[] {
  return size === 1 ? [] : [{ label, size }];
}

/** What an operator does to the values that it moves: nothing, repeats them along an axis, or keeps a part of them. */
export type Movement = 'view' | 'repeat' | 'part';

const REGROUPS = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);
const UNCHANGED = new Set(['Identity', 'Cast', 'Dropout']);

/** How a node moves the values of its first input; null where it changes them. */
export function movementOf(graph: SiteGraph, node: NodeProto): Movement | null {
  const operator = node.opType ?? '';
  if (UNCHANGED.has(operator) || REGROUPS.has(operator) || operator === 'Transpose') return 'view';
  if (operator === 'Expand' || operator === 'Tile') return 'repeat';
  if (operator === 'Concat' && node.input.every((name) => name === node.input[0])) return 'repeat';
  if (operator === 'Slice' || operator === 'Split') return 'part';
  if (operator !== 'Gather' && operator !== 'GatherND') return null;
  const picked = integersOf(graph, node.input[1] ?? '');
  if (picked === null) return null;
  if (operator === 'GatherND') return 'part';
  return new Set(picked).size < picked.length ? 'repeat' : 'part';
}

/** The layout of a moving node's first input, given that of its output; null where the sizes do not settle it. */
export function layoutBefore(graph: SiteGraph, node: NodeProto, after: Layout): Layout | null {
  const input = node.input[0] ?? '';
  const shape = shapeOf(graph, input);
  const operator = node.opType ?? '';
  if (UNCHANGED.has(operator)) return after;
  if (operator === 'Transpose') {
    const perm = permutation(node, after.length);
    return after.map((_, i) => after[perm.indexOf(i)] ?? []);
  }
  if (shape === null) return null;
  if (REGROUPS.has(operator)) return regroup(after.flat(), shape);
  const offset = after.length - shape.length;
  if (operator === 'Expand') {
    return shape.map((dim, i) => (dim === 1 ? [] : (after[i + offset] ?? [])));
  }
  if (shape.length !== after.length) return null;
  return shape.map((dim, i) => repeated(after[i] ?? [], dim, operator === 'Gather' ? 0 : 1));
}

/** The layout of a moving node's output, given that of its first input. */
export function layoutAfter(
  graph: SiteGraph,
  { node, tensor }: { readonly node: NodeProto; readonly tensor: string },
  before: Layout,
): Layout | null {
  const operator = node.opType ?? '';
  if (UNCHANGED.has(operator)) return before;
  if (operator === 'Transpose') return permutation(node, before.length).map((i) => before[i] ?? []);
  const shape = shapeOf(graph, tensor);
  return REGROUPS.has(operator) && shape !== null ? regroup(before.flat(), shape) : null;
}

function permutation(node: NodeProto, rank: number): readonly number[] {
  return readAttributes(node).ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
}

/** The part of an axis that was there before it was repeated: the major atom of [a a b b], the minor one of [a b a b]. */
function repeated(axis: readonly Atom[], size: Dim, part: 0 | 1): readonly Atom[] {
  const [only] = axis;
  if (axis.length !== 1 || only === undefined || only.size === size) return axis;
  return atom(`${only.label}.${part}`, size);
}

/** The atoms, in their order, over axes of the given sizes; null where that is not settled. */
export function regroup(atoms: readonly Atom[], shape: readonly Dim[]): Layout | null {
  const wanted = shape.map((size, axis) => ({ size, axis })).filter(({ size }) => size !== 1);
  const layout: (readonly Atom[])[] = shape.map(() => []);
  let [from, to] = [0, 0];
  let [fromEnd, toEnd] = [atoms.length, wanted.length];
  const sizeAt = (i: number): Dim => (wanted[i] as { size: Dim }).size;
  const place = (i: number, held: readonly Atom[]): void => {
    layout[(wanted[i] as { axis: number }).axis] = held;
  };
  while (from < fromEnd && to < toEnd && atoms[from]?.size === sizeAt(to)) place(to++, [atoms[from++] as Atom]);
  while (fromEnd > from && toEnd > to && atoms[fromEnd - 1]?.size === sizeAt(toEnd - 1))
    place(--toEnd, [atoms[--fromEnd] as Atom]);
  while (from < fromEnd || to < toEnd) {
    const step = nextMatch(
      atoms.slice(from, fromEnd),
      wanted.slice(to, toEnd).map((w) => w.size),
    );
    if (step === null) return null;
    const held = atoms.slice(from, from + step.atoms);
    if (step.axes === 1) place(to, held);
    else {
      const sizes = Array.from({ length: step.axes }, (_, i) => sizeAt(to + i));
      const parts = held.length === 1 ? splitAtom(held[0] as Atom, sizes) : distribute(held, sizes);
      if (parts === null) return null;
      parts.forEach((part, i) => place(to + i, part));
    }
    from += step.atoms;
    to += step.axes;
  }
  return layout;
}

function splitAtom({ label }: Atom, sizes: readonly Dim[]): Layout {
  return sizes.map((size, i) => [{ label: `${label}.${i}`, size }]);
}

/** Several atoms over several axes, an atom cut in two where the end of an axis divides it; null where it does not. */
function distribute(atoms: readonly Atom[], sizes: readonly Dim[]): Layout | null {
  const rest = [...atoms];
  const layout: Atom[][] = [];
  for (const size of sizes) {
    const axis: Atom[] = [];
    let left: Dim = size;
    while (left !== 1) {
      const next = rest.shift();
      if (next === undefined) return null;
      const after = divideDims(left, next.size);
      if (after !== null) {
        axis.push(next);
        left = after;
        continue;
      }
      const minor = divideDims(next.size, left);
      if (minor === null) return null;
      axis.push({ label: `${next.label}.0`, size: left });
      rest.unshift({ label: `${next.label}.1`, size: minor });
      left = 1;
    }
    layout.push(axis);
  }
  return rest.length === 0 ? layout : null;
}

/** The shortest run of atoms and the shortest run of axes of equal size, at the start of both. */
function nextMatch(
  atoms: readonly Atom[],
  axes: readonly Dim[],
): { readonly atoms: number; readonly axes: number } | null {
  if (atoms.length === 0 || axes.length === 0) return null;
  let [i, j] = [1, 1];
  let left: Dim | null = (atoms[0] as Atom).size;
  let right: Dim | null = axes[0] as Dim;
  for (;;) {
    if (left === null || right === null) return null;
    if (left === right) return { atoms: i, axes: j };
    const more = longer(left, right);
    if (more === 'left' && j < axes.length) right = multiplyDims(right, axes[j++] as Dim);
    else if (more === 'right' && i < atoms.length) left = multiplyDims(left, (atoms[i++] as Atom).size);
    else break;
  }
  // One size that is not known takes what is left, where only one thing is left on the other side.
  if (axes.length === 1) return { atoms: atoms.length, axes: 1 };
  if (atoms.length === 1 && axes.filter(isUnknown).length <= 1) return { atoms: 1, axes: axes.length };
  return null;
}

/** Which of two sizes is a multiple of the other; null where that cannot be told. */
function longer(left: Dim, right: Dim): 'left' | 'right' | null {
  if (typeof left === 'number' && typeof right === 'number') return left > right ? 'left' : 'right';
  const ratio = numericRatio(left, right);
  if (ratio !== null) return ratio > 1 ? 'left' : 'right';
  const [a, b] = [factors(left), factors(right)];
  if (b.every((factor) => a.includes(factor))) return 'left';
  return a.every((factor) => b.includes(factor)) ? 'right' : null;
}

function factors(size: Dim): readonly string[] {
  return typeof size === 'number' ? [] : size.split('*').filter((part) => !/^\d+$/.test(part));
}
