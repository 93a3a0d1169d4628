// The scores of an attention branch: which of their axes are rows, queries, keys and heads, as they were followed from the token
// ids, and whether the graph makes them of q · kᵀ by scale, cap and mask alone.
import { InputError } from '../../schemas/errors.js';
import type { NodeProto } from '../onnx/proto.js';
import { isFeature, rootOf } from './axis-labels.js';
import { scalesBy } from './bias.js';
import type { ChainLink } from './data-path.js';
import { movementOf, type Atom, type Layout } from './layout.js';
import { productLetters } from './product-letters.js';
import { scalarOf, shapeOf } from './site-graph.js';
import type { LaidGraph } from './token-axes.js';

export interface ScoreTie {
  readonly cap: number | null;
}

/** The layout of the scores, or why it is not certain: rows, both kinds of positions, and heads in what is left. */
export function scoresLayout(graph: LaidGraph, scores: string): Layout | string {
  const shape = shapeOf(graph, scores);
  const found = graph.axes.layoutOf(scores);
  const shown = shape === null ? 'unknown' : `[${shape.join(', ')}]`;
  const uncertain = `the scores have the shape ${shown}, in which batch and heads cannot be told apart`;
  if (found === null) return uncertain;
  const moved = graph.axes.movedBy(found);
  if (moved !== null) return moved;
  const [last] = found.at(-1) ?? [];
  const tokens = found
    .flat()
    .filter((one) => !isFeature(one))
    .map(({ label }) => label);
  const wanted = graph.axes.ids.batch === 1 ? ['key', 'pos'] : ['batch', 'key', 'pos'];
  if (
    tokens.toSorted().join() !== wanted.join() ||
    last === undefined ||
    found.at(-1)?.length !== 1 ||
    !isPosition(last)
  )
    return uncertain;
  const heads = headLabels(found);
  return found.map((axis) =>
    axis.map((one) => {
      if (isPosition(one)) return { label: one === last ? 'key_pos' : 'query_pos', size: one.size };
      return { label: heads.get(one.label) ?? one.label, size: one.size };
    }),
  );
}

function isPosition({ label }: Atom): boolean {
  return label === 'pos' || label === 'key';
}

/** Names of the parts that the heads are in: in the order of one projection's output, else as they lie in the tensor. */
function headLabels(layout: Layout): ReadonlyMap<string, string> {
  const parts = layout
    .flat()
    .filter(isFeature)
    .map(({ label }) => label);
  const alike = new Set(parts.map(rootOf)).size === 1;
  const ordered = alike ? parts.toSorted((a, b) => (a < b ? -1 : 1)) : parts;
  return new Map(ordered.map((label, i) => [label, ordered.length === 1 ? 'head' : `head.${i}`]));
}

/** @throws InputError where attention runs along the first axis of the token ids, which are rows to us */
export function refuseMeetingRows(graph: LaidGraph, node: NodeProto): void {
  const [a, b] = node.input.slice(0, 2).map((name) => graph.axes.layoutOf(name));
  if (!a) return;
  const isOperator = (node.opType ?? '').includes('Attention');
  const meets = isOperator ? holdsRows(a.at(-2) ?? []) : b && rowsMeet(node, [a, b]);
  if (!meets) return;
  throw new InputError(
    `Expected attention among the positions of one row of the token ids [batch, pos], found node "${node.name ?? ''}" (${node.opType ?? ''}), in which the rows meet: the model reads its ids as [pos, batch]. Export it with ids [batch, pos], e.g. with a forward that transposes them first.`,
    { node: node.name, operator: node.opType },
  );
}

/** Whether rows of one operand are multiplied with other rows of the other. */
function rowsMeet(node: NodeProto, layouts: readonly [Layout, Layout]): boolean {
  const letters = productLetters(node, [layouts[0].length, layouts[1].length]);
  const [left, right] = layouts.map((layout, i) => letters?.operands[i as 0 | 1][layout.findIndex(holdsRows)]);
  return left !== undefined && right !== undefined && left !== right;
}

function holdsRows(axis: readonly Atom[]): boolean {
  return axis.some(({ label }) => rootOf(label) === 'batch');
}

/** Whether links from the product to the scores only scale, cap and mask; masks do not depend on the tokens. */
export function tieOf(graph: LaidGraph, links: readonly ChainLink[]): ScoreTie | null {
  let cap: number | null = null;
  for (const [i, { node, region, from }] of links.entries()) {
    const operator = node.opType ?? '';
    const others = node.input.filter((name) => name !== from);
    if (region.length > 0 || others.some((name) => graph.axes.reaches(name))) return null;
    if (movementOf(graph, node) === 'view' || MASKS.has(operator)) continue;
    if (scalesBy(graph, node, from)) continue;
    if (operator !== 'Tanh' || cap !== null) return null;
    const next = links[i + 1]?.node;
    cap =
      next?.opType === 'Mul'
        ? next.input.reduce<number | null>((found, name) => found ?? scalarOf(graph, name), null)
        : null;
    if (cap === null) return null;
  }
  return { cap };
}

/** Operators by which a mask or a bias of positions joins the scores. */
const MASKS = new Set(['Add', 'Where', 'Max', 'Min']);
