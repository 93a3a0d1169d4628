// Finds scores, pattern and z of an attention branch by structure: the softmax over a product of two activations, the product
// q·kᵀ before it and the product pattern·v after it. Heads and positions are told apart by sizes, names decide nothing.
//
//   scores [b, h, q, k] → softmax → (guards, casts, a sink's column cut off) → pattern;   z = pattern · v  [b, h, q, d]
//   An axis b·h is opened where the number of heads is known. Refused: several softmaxes, scores that are a sum of products.
import { readAttributes } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Dim } from '../onnx/shape.js';
import { divideDims } from '../onnx/symbolic.js';
import { isOverActivations, type Branch } from './branches.js';
import { pathBetween, type ChainLink, type DataPath } from './data-path.js';
import { atom, layoutAfter, layoutBefore, movementOf, type Layout } from './layout.js';
import { isLastAxis, PRODUCTS, shapeOf, type SiteGraph } from './site-graph.js';

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
}

/** Sizes of the first two axes of the stream. */
export interface StreamSizes {
  readonly batch: Dim;
  readonly pos: Dim;
}

/** The attention of a branch. */
export function findAttention(graph: SiteGraph, branch: Branch, sizes: StreamSizes): Attention {
  const softmax = theSoftmax(graph, branch.path);
  if (typeof softmax === 'string')
    return { ...without(softmax), scores: softmax, pattern: softmax, z: softmax, v: softmax };
  const read = softmax.input[0] ?? '';
  const path = pathBetween(graph.index, branch.source, read);
  const at = path?.chain.findLastIndex(({ node }) => isActivationProduct(node, path)) ?? -1;
  const after = path?.chain.slice(at + 1) ?? [];
  const scores = path === null ? read : scoresTensor(graph, read, { after, path });
  const layout = scoresLayout(graph, scores, sizes);
  if (typeof layout === 'string') return { ...without(layout), scores: layout, pattern: layout, z: layout, v: layout };
  const product = path?.chain[at];
  const before = after.slice(0, after.findIndex(({ tensor }) => tensor === scores) + 1);
  const operands = product
    ? operandsOf(graph, { product, before, layout, sizes })
    : without('the scores are not one product of queries and keys');
  const rest = afterSoftmax(graph, { softmax, branch, layout });
  return { scores: { tensor: scores, layout }, ...rest, ...operands };
}

function without(reason: string): Pick<Attention, 'q' | 'k'> {
  return { q: reason, k: reason };
}

function theSoftmax(graph: SiteGraph, path: DataPath): NodeProto | string {
  const nodes = path.nodes.map((i) => graph.index.graph.node[i] as NodeProto);
  const fused = nodes.find((node) => (node.opType ?? '').includes('Attention'));
  if (fused) return `the operator ${fused.opType ?? ''} hides what is inside attention`;
  const found = nodes.filter((node) => node.opType === 'Softmax' && isOverActivations(graph, path, node));
  const [softmax] = found;
  if (softmax === undefined || found.length !== 1) return `expected one softmax over scores, found ${found.length}`;
  const axis = readAttributes(softmax).int('axis', -1);
  if (!isLastAxis(graph, softmax.input[0] ?? '', axis)) return `the softmax runs over axis ${axis}, not over the last`;
  return softmax;
}

function isActivationProduct(node: NodeProto, path: DataPath): boolean {
  return node.opType === 'MatMul' && node.input.every((name) => path.isData(name));
}

/** What the softmax reads, before a sink's column is put beside it. */
function scoresTensor(
  graph: SiteGraph,
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

/** The layout of the scores, or why it is not certain. */
function scoresLayout(graph: SiteGraph, scores: string, sizes: StreamSizes): Layout | string {
  const shape = shapeOf(graph, scores);
  const lead = shape && leadAxes(shape.slice(0, -2), sizes);
  if (shape === null || lead === null)
    return `the scores have the shape ${shape === null ? 'unknown' : `[${shape.join(', ')}]`}, in which batch and heads cannot be told apart`;
  const [query, key] = shape.slice(-2) as [Dim, Dim];
  return [...lead, atom('query_pos', query), atom('key_pos', key)];
}

interface Product {
  readonly product: ChainLink;
  /** Links from the product to the scores. */
  readonly before: readonly ChainLink[];
  readonly layout: Layout;
  readonly sizes: StreamSizes;
}

/** The operands of the product q · kᵀ behind the scores. */
function operandsOf(graph: SiteGraph, { product, before, layout, sizes }: Product): Pick<Attention, 'q' | 'k'> {
  if (before.some(({ region }) => region.some((node) => PRODUCTS.has(node.opType ?? ''))))
    return without('the scores are a sum of several products');
  let made: Layout | null = layout;
  for (const { node } of [...before].reverse()) {
    if (made !== null && movementOf(graph, node) === 'view') made = layoutBefore(graph, node, made);
  }
  if (made === null) return without('the axes of the scores cannot be followed back to their product');
  const ends = labels(made.slice(-2));
  if (ends !== labels(layout.slice(-2))) return without(`the product behind the scores ends in the axes ${ends}`);
  const [q, k] = [product.node.input[0] ?? '', product.node.input[1] ?? ''];
  const lead = made.slice(0, -2);
  const operands = headOperands(graph, { q, k, lead, pos: sizes.pos });
  return operands ?? without('the operands of the scores have unknown shapes');
}

function labels(layout: Layout): string {
  return layout.map((axis) => axis.map(({ label }) => label).join('·') || '1').join(', ');
}

/** Batch and heads in the axes before the positions; null where they cannot be told apart. */
function leadAxes(shape: readonly Dim[], sizes: StreamSizes): Layout | null {
  const [first, ...rest] = shape;
  if (first === undefined) return null;
  if (rest.length === 1) return [atom('batch', first), atom('head', rest[0] as Dim)];
  if (rest.length > 1) return [atom('batch', first), ...rest.map((dim, i) => atom(`head.${i}`, dim))];
  if (first === sizes.batch) return [atom('batch', first)];
  const heads = divideDims(first, sizes.batch);
  return typeof heads === 'number' ? [[{ label: 'batch', size: sizes.batch }, ...atom('head', heads)]] : null;
}

interface AfterSoftmax {
  readonly softmax: NodeProto;
  readonly branch: Branch;
  readonly layout: Layout;
}

/** Pattern, v and z. */
function afterSoftmax(
  graph: SiteGraph,
  { softmax, branch, layout }: AfterSoftmax,
): Pick<Attention, 'pattern' | 'v' | 'z'> {
  const path = pathBetween(graph.index, softmax.output[0] ?? '', branch.out);
  const chain = path?.chain ?? [];
  const tensors = [softmax.output[0] ?? '', ...chain.map((link) => link.tensor)];
  const at = tensors.findIndex((tensor) => multiplies(graph, tensor).length > 0);
  const products = multiplies(graph, tensors[at] ?? '');
  const [product] = products;
  const end = labels(layout.slice(-2));
  const missing = 'no product of the pattern with values follows the softmax';
  if (product === undefined) return { pattern: missing, v: missing, z: missing };
  const held = followForward(graph, chain.slice(0, at), layout);
  if (held === null || labels(held.slice(-2)) !== end) {
    const reason = 'the axes of the pattern cannot be followed from the softmax';
    return { pattern: reason, v: reason, z: reason };
  }
  const pattern = { tensor: tensors[at] ?? '', layout: held };
  const next = chain[at];
  if (products.length > 1 || next?.node !== product) {
    const reason = `the pattern is multiplied with ${products.length} values`;
    return { pattern, v: reason, z: reason };
  }
  return { pattern, ...valuesOf(graph, chain.slice(at), held) };
}

/** The products whose left operand a tensor is, if it has no other readers. */
function multiplies({ index }: SiteGraph, tensor: string): readonly NodeProto[] {
  const readers = (index.consumersOf.get(tensor) ?? []).flatMap((i) => index.graph.node[i] ?? []);
  const others = readers.filter(({ opType = '' }) => opType !== 'Shape' && opType !== 'Size');
  const isLeft = ({ opType, input }: NodeProto): boolean => opType === 'MatMul' && input[0] === tensor;
  return others.every(isLeft) ? others : [];
}

/** v and z of the product that the first link is. */
function valuesOf(graph: SiteGraph, links: readonly ChainLink[], pattern: Layout): Pick<Attention, 'v' | 'z'> {
  const [product] = links;
  const values = product?.node.input[1] ?? '';
  const shape = shapeOf(graph, values);
  const made = shapeOf(graph, product?.tensor ?? '');
  if (!shape || !made) {
    const reason = 'the values have an unknown shape';
    return { v: reason, z: reason };
  }
  const lead = pattern.slice(0, -2);
  const d = atom('d_head', made.at(-1) as Dim);
  const v = broadcastLead(shape, lead);
  if (v === null || made.length !== pattern.length) {
    const reason = `the values have the shape [${shape.join(', ')}] beside a pattern of ${pattern.length} axes`;
    return { v: reason, z: reason };
  }
  const key = pattern.at(-1)?.map(({ size }) => ({ label: 'pos', size })) ?? [];
  const query = pattern.at(-2)?.map(({ size }) => ({ label: 'pos', size })) ?? [];
  return {
    v: { tensor: values, layout: [...v, key, d] },
    z: viewsAfter(graph, links, [...lead, query, d]),
  };
}

function followForward(graph: SiteGraph, links: readonly ChainLink[], layout: Layout): Layout | null {
  let current: Layout | null = layout;
  for (const link of links) {
    if (current === null) return null;
    if (movementOf(graph, link.node) === 'view') current = layoutAfter(graph, link, current);
  }
  return current;
}

/** A product's output and the tensors that only show it in other axes. */
function viewsAfter(graph: SiteGraph, links: readonly ChainLink[], layout: Layout): Laid[] {
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

/** The leading axes of an operand that is broadcast against known ones; null where the ranks do not fit. */
function broadcastLead(shape: readonly Dim[], lead: Layout): Layout | null {
  const own = shape.slice(0, -2);
  if (own.length !== lead.length) return null;
  return own.map((dim, i) => (dim === 1 ? [] : (lead[i] ?? [])));
}

function headOperands(
  graph: SiteGraph,
  { q, k, lead, pos }: { q: string; k: string; lead: Layout; pos: Dim },
): Pick<Attention, 'q' | 'k'> | null {
  const [left, right] = [shapeOf(graph, q), shapeOf(graph, k)];
  const [a, b] = [left && broadcastLead(left, lead), right && broadcastLead(right, lead)];
  if (!left || !right || !a || !b) return null;
  const d = atom('d_head', left.at(-1) as Dim);
  const at = (size: Dim): Layout[number] => atom('pos', size === 1 ? 1 : pos);
  return {
    q: { tensor: q, layout: [...a, at(left.at(-2) as Dim), d] },
    k: { tensor: k, layout: [...b, d, at(right.at(-1) as Dim)] },
  };
}
