// Follows an operand of attention (queries, keys or values by head) back to the projection that made it: where the projected
// vectors lie before norms, rotation, scaling and repetition of grouped heads, and where they lie after rotation.
//
// The dominator chain from the stream to the operand is read from its end; each link is a view, a repetition, a part of a fused
// projection, a block (norm, rotation: several paths, same axes before and after) or arithmetic that keeps the axes.
import type { NodeProto } from '../onnx/proto.js';
import type { Laid } from './attention.js';
import { addsBias, scalesBy } from './bias.js';
import { pathBetween, type ChainLink } from './data-path.js';
import { layoutBefore, movementOf, type Layout } from './layout.js';
import { NORM_OPERATORS } from './norms.js';
import { isProjection, PRODUCTS, shapeOf } from './site-graph.js';
import type { LaidGraph } from './token-axes.js';

export interface HeadVectors {
  /** Whether the operand is a multiple of them, of the rotated ones where something rotates: nothing else lies between. */
  readonly tied: boolean;
  /** Where the projection's output can be seen by head, the first after it first. */
  readonly projected: readonly Laid[];
  /** Where it can be seen after rotation; empty where nothing rotates. */
  readonly rotated: readonly Laid[];
}

type Step = 'view' | 'repeat' | 'part' | 'bias' | 'rotary' | 'scale' | 'other';

/** Where the vectors behind an operand lie, or a reason why that is not certain. */
export function findHeadVectors(graph: LaidGraph, source: string, operand: Laid): HeadVectors | string {
  const chain = pathBetween(graph.index, source, operand.tensor)?.chain ?? [];
  const at = chain.findLastIndex(({ node }) => isProjection(graph, node));
  const projection = chain[at];
  if (projection === undefined) return 'no projection through which all of it passes';
  const links = chain.slice(at + 1);
  const hidden = links.find(({ region }) => region.some((node) => PRODUCTS.has(node.opType ?? '')));
  if (hidden) return 'it is put together from several projections';
  const steps = links.map((link) => stepOf(graph, link));
  const laid = layoutsBack(graph, links, operand);
  const end = projectionEnd(steps);
  const projected = seen(laid, steps, end);
  const turned = steps.lastIndexOf('rotary');
  const between = steps.slice(turned < 0 ? end : turned + 1);
  const tied = between.every((step) => step === 'view' || step === 'repeat' || step === 'scale');
  return { tied, projected, rotated: turned < 0 ? [] : seen(laid, steps, turned + 1) };
}

function stepOf(graph: LaidGraph, { node, region, from }: ChainLink): Step {
  if (region.length > 0) return isRotation(node, region) ? 'rotary' : 'other';
  if ((node.opType ?? '') === 'RotaryEmbedding') return 'rotary';
  const movement = movementOf(graph, node);
  if (movement !== null) return movement;
  if (addsBias(graph, node, from)) return 'bias';
  return scalesBy(graph, node, from) ? 'scale' : 'other';
}

/** A block that mixes coordinates with a sign, and neither averages nor squashes. */
function isRotation(node: NodeProto, region: readonly NodeProto[]): boolean {
  const operators = [...region, node].map(({ opType }) => opType ?? '');
  if (operators.some((name) => /^Reduce|Softmax|Sigmoid|Tanh|Erf/.test(name) || NORM_OPERATORS.has(name))) return false;
  const turns = operators.includes('Neg') || operators.includes('Sub');
  return turns && operators.filter((name) => name === 'Mul').length >= 2;
}

/** Number of links that belong to the projection: its bias, the part of it that is taken, and views between. */
function projectionEnd(steps: readonly Step[]): number {
  let end = 0;
  for (const [i, step] of steps.entries()) {
    if (step === 'bias' || step === 'part') end = i + 1;
    else if (step !== 'view') break;
  }
  return end;
}

/** Layouts of the projection's output and of every link's, as far back as they can be followed; null before that. */
function layoutsBack(graph: LaidGraph, links: readonly ChainLink[], operand: Laid): readonly (Laid | null)[] {
  const found: (Laid | null)[] = Array.from({ length: links.length + 1 }, () => null);
  let layout: Layout | null = operand.layout;
  for (let i = links.length; i >= 0 && layout !== null; i--) {
    const tensor = i === 0 ? links[0]?.from : links[i - 1]?.tensor;
    found[i] = { tensor: tensor ?? operand.tensor, layout };
    const link = links[i - 1];
    if (link !== undefined) layout = stepBack(graph, link, layout);
  }
  return found;
}

function stepBack(graph: LaidGraph, link: ChainLink, layout: Layout): Layout | null {
  const movement = link.region.length > 0 ? null : movementOf(graph, link.node);
  if (movement === 'part') return null;
  if (movement !== null) return layoutBefore(graph, link.node, layout);
  const [before, after] = [shapeOf(graph, link.from), shapeOf(graph, link.tensor)];
  if (before === null || after === null) return null;
  const same = before.length === after.length && before.every((dim, i) => dim === after[i]);
  return same ? layout : null;
}

/** The places from number `end` on up to the first link that changes or repeats values. */
function seen(laid: readonly (Laid | null)[], steps: readonly Step[], end: number): Laid[] {
  const found: Laid[] = [];
  for (let i = end; i < laid.length; i++) {
    const place = laid[i];
    if (place) found.push(place);
    if (steps[i] !== 'view') break;
  }
  return found;
}
