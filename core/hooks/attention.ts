// Finds scores, pattern and z of an attention branch by structure: the softmax over a product of two activations, the product
// q·kᵀ before it and the product pattern·v after it. Rows, positions and heads are those that were followed from the token ids.
//
//   scores [b, h, q, k] → softmax → (guards, casts, a sink's column cut off) → pattern;   z = pattern · v  [b, h, q, d]
//   An axis b·h is opened where the number of heads is known. Refused: several softmaxes, scores that are a sum of products.
import { readAttributes } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Dim } from '../onnx/shape.js';
import { isOverActivations, type Branch } from './branches.js';
import { pathBetween, type ChainLink, type DataPath } from './data-path.js';
import { atom, layoutAfter, layoutBefore, movementOf, type Atom, type Layout } from './layout.js';
import { byLetter, contractedLetters, LETTERED, productLetters, type ProductLetters } from './product-letters.js';
import { refuseMeetingRows, scoresLayout, tieOf, type ScoreTie } from './scores.js';
import { isLastAxis, PRODUCTS, shapeOf } from './site-graph.js';
import type { LaidGraph } from './token-axes.js';

/** A tensor with its layout. */
export interface Laid {
  readonly tensor: string;
  readonly layout: Layout;
}

/** The core of an attention branch; every operand with its layout, or the reason why it is not certain. */
export interface Attention {
  readonly scores: Laid | string;
  readonly pattern: Laid | string;
  /** Places where z can be seen, the first after the product first. */
  readonly z: readonly Laid[] | string;
  readonly q: Laid | string;
  readonly k: Laid | string;
  readonly v: Laid | string;
  /** How the scores are made of q · kᵀ: a multiple, perhaps capped at `cap` by tanh, then masked; null: otherwise. */
  readonly tie: ScoreTie | null;
}

/** The attention of a branch. */
export function findAttention(graph: LaidGraph, branch: Branch): Attention {
  const softmax = theSoftmax(graph, branch.path);
  if (typeof softmax === 'string')
    return { ...without(softmax), scores: softmax, pattern: softmax, z: softmax, v: softmax, tie: null };
  const read = softmax.input[0] ?? '';
  const path = pathBetween(graph.index, branch.source, read);
  const at = path?.chain.findLastIndex(({ node }) => isActivationProduct(node, path)) ?? -1;
  const after = path?.chain.slice(at + 1) ?? [];
  const scores = path === null ? read : scoresTensor(graph, read, { after, path });
  const product = path?.chain[at];
  if (product) refuseMeetingRows(graph, product.node);
  const layout = scoresLayout(graph, scores);
  if (typeof layout === 'string')
    return { ...without(layout), scores: layout, pattern: layout, z: layout, v: layout, tie: null };
  const before = after.slice(0, after.findIndex(({ tensor }) => tensor === scores) + 1);
  const operands = product
    ? operandsOf(graph, { product, before, layout })
    : without('the scores are not one product of queries and keys');
  const rest = afterSoftmax(graph, { softmax, branch, layout });
  return { scores: { tensor: scores, layout }, ...rest, ...operands, tie: product ? tieOf(graph, before) : null };
}

function without(reason: string): Pick<Attention, 'q' | 'k'> {
  return { q: reason, k: reason };
}

function theSoftmax(graph: LaidGraph, path: DataPath): NodeProto | string {
  const nodes = path.nodes.map((i) => graph.index.graph.node[i] as NodeProto);
  const fused = nodes.find((node) => (node.opType ?? '').includes('Attention'));
  if (fused) refuseMeetingRows(graph, fused);
  if (fused) return `the operator ${fused.opType ?? ''} hides what is inside attention`;
  const found = nodes.filter((node) => node.opType === 'Softmax' && isOverActivations(graph, path, node));
  const [softmax] = found;
  if (softmax === undefined || found.length !== 1) return `expected one softmax over scores, found ${found.length}`;
  const axis = readAttributes(softmax).int('axis', -1);
  if (!isLastAxis(graph, softmax.input[0] ?? '', axis)) return `the softmax runs over axis ${axis}, not over the last`;
  return softmax;
}

function isActivationProduct(node: NodeProto, path: DataPath): boolean {
  return LETTERED.has(node.opType ?? '') && node.input.length === 2 && node.input.every((name) => path.isData(name));
}

/** What the softmax reads, before a sink's column is put beside it. */
function scoresTensor(
  graph: LaidGraph,
  read: string,
  { after, path }: { after: readonly ChainLink[]; path: DataPath },
): string {
  const joined = after.findLast(({ node }) => node.opType === 'Concat');
  if (joined === undefined) return read;
  const data = joined.node.input.filter((name) => path.isData(name));
  const isSink = joined.node.input.length === 2 && data.length === 1;
  return isSink && isLastAxis(graph, joined.tensor, readAttributes(joined.node).int('axis', -1))
    ? (data[0] ?? read)
    : read;
}

interface Product {
  readonly product: ChainLink;
  /** Links from the product to the scores. */
  readonly before: readonly ChainLink[];
  readonly layout: Layout;
}

/** The operands of the product q · kᵀ behind the scores. */
function operandsOf(graph: LaidGraph, { product, before, layout }: Product): Pick<Attention, 'q' | 'k'> {
  if (before.some(({ region }) => region.some((node) => PRODUCTS.has(node.opType ?? ''))))
    return without('the scores are a sum of several products');
  let made: Layout | null = layout;
  for (const { node } of [...before].reverse()) {
    if (made !== null && movementOf(graph, node) === 'view') made = layoutBefore(graph, node, made);
  }
  if (made === null) return without('the axes of the scores cannot be followed back to their product');
  const given = readProduct(graph, product.node, { layout: made });
  if (given === null) return without('the operands of the scores have unknown shapes');
  const { letters, of, shapes } = given;
  const [query, key] = ['query_pos', 'key_pos'].map((label) => letterOf(of, label));
  const [summed, ...more] = contractedLetters(letters);
  const q = letters.operands.findIndex((own) => own.includes(query ?? '') && !own.includes(key ?? ''));
  const k = letters.operands.findIndex((own) => own.includes(key ?? '') && !own.includes(query ?? ''));
  if (query === undefined || key === undefined || summed === undefined || more.length > 0 || q < 0 || k < 0)
    return without(`the product behind the scores ends in the axes ${labels(made.slice(-2))}`);
  const operand = (at: number): Laid => ({
    tensor: product.node.input[at] ?? '',
    layout: (letters.operands[at] ?? []).map((letter, i) => {
      const size = shapes[at]?.[i] ?? 1;
      if (letter === summed) return atom('d_head', size);
      return size === 1 ? [] : asPositions(of.get(letter) ?? []);
    }),
  });
  return { q: operand(q), k: operand(k) };
}

interface GivenProduct {
  readonly letters: ProductLetters;
  /** What a letter of the given layout stands for. */
  readonly of: ReadonlyMap<string, readonly Atom[]>;
  readonly shapes: readonly (readonly Dim[])[];
}

/** The letters of a product, those of its result (or of one operand) standing for the axes of a layout. */
function readProduct(
  graph: LaidGraph,
  node: NodeProto,
  { layout, operand }: { readonly layout: Layout; readonly operand?: number },
): GivenProduct | null {
  const [a, b] = [shapeOf(graph, node.input[0] ?? ''), shapeOf(graph, node.input[1] ?? '')];
  const letters = a && b ? productLetters(node, [a.length, b.length]) : null;
  if (!a || !b || letters === null) return null;
  const own = operand === undefined ? letters.out : letters.operands[operand];
  return own?.length === layout.length ? { letters, of: byLetter(own, layout), shapes: [a, b] } : null;
}

/** The letter that stands for one atom alone. */
function letterOf(of: GivenProduct['of'], label: string): string | undefined {
  return [...of].find(([, axis]) => axis.length === 1 && axis[0]?.label === label)?.[0];
}

/** Positions of queries or keys, as positions of vectors. */
function asPositions(axis: readonly Atom[]): readonly Atom[] {
  return axis.map(({ label, size }) => ({ label: label.replace(/^(query|key)_pos/, 'pos'), size }));
}

function labels(layout: Layout): string {
  return layout.map((axis) => axis.map(({ label }) => label).join('·') || '1').join(', ');
}

interface AfterSoftmax {
  readonly softmax: NodeProto;
  readonly branch: Branch;
  readonly layout: Layout;
}

/** Pattern, v and z. */
function afterSoftmax(
  graph: LaidGraph,
  { softmax, branch, layout }: AfterSoftmax,
): Pick<Attention, 'pattern' | 'v' | 'z'> {
  const path = pathBetween(graph.index, softmax.output[0] ?? '', branch.out);
  const chain = path?.chain ?? [];
  const tensors = [softmax.output[0] ?? '', ...chain.map((link) => link.tensor)];
  const at = tensors.findIndex((tensor) => multiplies(graph, tensor).length > 0);
  const products = multiplies(graph, tensors[at] ?? '');
  const [product] = products;
  const missing = 'no product of the pattern with values follows the softmax';
  if (product === undefined) return { pattern: missing, v: missing, z: missing };
  const held = followForward(graph, chain.slice(0, at), layout);
  if (held === null) {
    const reason = 'the axes of the pattern cannot be followed from the softmax';
    return { pattern: reason, v: reason, z: reason };
  }
  const pattern = { tensor: tensors[at] ?? '', layout: held };
  const next = chain[at];
  if (products.length > 1 || next?.node !== product) {
    const reason = `the pattern is multiplied with ${products.length} values`;
    return { pattern, v: reason, z: reason };
  }
  return { pattern, ...valuesOf(graph, chain.slice(at), { tensor: pattern.tensor, layout: held }) };
}

/** The products that a tensor is an operand of, if it has no other readers. */
function multiplies({ index }: LaidGraph, tensor: string): readonly NodeProto[] {
  const readers = (index.consumersOf.get(tensor) ?? []).flatMap((i) => index.graph.node[i] ?? []);
  const others = readers.filter(({ opType = '' }) => opType !== 'Shape' && opType !== 'Size');
  const isOperand = ({ opType = '', input }: NodeProto): boolean =>
    LETTERED.has(opType) && input.length === 2 && input.filter((name) => name === tensor).length === 1;
  return others.every(isOperand) ? others : [];
}

/** v and z of the product that the first link is. */
function valuesOf(graph: LaidGraph, links: readonly ChainLink[], pattern: Laid): Pick<Attention, 'v' | 'z'> {
  const [product] = links;
  const at = product?.node.input[0] === pattern.tensor ? 0 : 1;
  const values = product?.node.input[1 - at] ?? '';
  const given = product ? readProduct(graph, product.node, { layout: pattern.layout, operand: at }) : null;
  const made = shapeOf(graph, product?.tensor ?? '');
  if (given === null || made === null) {
    const reason = 'the values have an unknown shape';
    return { v: reason, z: reason };
  }
  const { letters, of, shapes } = given;
  const shape = shapes[1 - at] ?? [];
  const own = letters.operands[1 - at] ?? [];
  const [query, key] = ['query_pos', 'key_pos'].map((label) => letterOf(of, label));
  const [d, ...more] = own.filter((letter) => !of.has(letter));
  const contracted = contractedLetters(letters);
  const known = letters.out.every((letter, i) => made[i] === 1 || letter === d || (of.get(letter) ?? []).length > 0);
  const fits = d !== undefined && more.length === 0 && letters.out.includes(d) && contracted.join() === (key ?? '');
  if (query === undefined || key === undefined || own.includes(query) || !fits || !known) {
    const reason = `the values have the shape [${shape.join(', ')}] beside a pattern of ${pattern.layout.length} axes`;
    return { v: reason, z: reason };
  }
  const size = shape[own.indexOf(d)] ?? 1;
  const held = (letter: string): Layout[number] =>
    letter === d ? atom('d_head', size) : asPositions(of.get(letter) ?? []);
  return {
    v: { tensor: values, layout: own.map((letter, i) => (shape[i] === 1 ? [] : held(letter))) },
    z: viewsAfter(graph, links, letters.out.map(held)),
  };
}

function followForward(graph: LaidGraph, links: readonly ChainLink[], layout: Layout): Layout | null {
  let current: Layout | null = layout;
  for (const link of links) {
    if (current === null) return null;
    if (movementOf(graph, link.node) === 'view') current = layoutAfter(graph, link, current);
  }
  return current;
}

/** A product's output and the tensors that only show it in other axes. */
function viewsAfter(graph: LaidGraph, links: readonly ChainLink[], layout: Layout): Laid[] {
  const [first, ...rest] = links;
  const found: Laid[] = [{ tensor: first?.tensor ?? '', layout }];
  let current: Layout | null = layout;
  for (const link of rest) {
    if (link.region.length > 0 || movementOf(graph, link.node) !== 'view') break;
    current = layoutAfter(graph, link, current);
    if (current === null) break;
    found.push({ tensor: link.tensor, layout: current });
  }
  return found;
}
