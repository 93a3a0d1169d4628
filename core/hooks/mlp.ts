// Finds the inside of an MLP branch by structure: the down projection, what it reads (post) and what the non-linearity reads
// (pre; of a gated MLP the gate's). A mixture of experts has no such places.
//
//   plain  post = f(pre)          gated  post = f(pre) · up, f the non-linearity; pre and up outputs of projections, or parts
import type { NodeProto } from '../onnx/proto.js';
import { addsBias } from './bias.js';
import type { Branch } from './branches.js';
import { pathBetween, type ChainLink, type DataPath } from './data-path.js';
import { movementOf } from './layout.js';
import { isProjection, PASS, producer, shapeOf, unwrap } from './site-graph.js';
import type { LaidGraph } from './token-axes.js';

/** A place inside the MLP, or a reason why it is not certain. */
export interface Mlp {
  /** Whether post is one function of pre, the same at every place: not of gated MLPs, nor with gains between. */
  readonly isCurve: boolean;
  readonly pre: { readonly tensor: string } | string;
  readonly post: { readonly tensor: string } | string;
}

/** Non-linear functions of one number. */
const CURVES = new Set([
  'Sigmoid',
  'HardSigmoid',
  'HardSwish',
  'Tanh',
  'Erf',
  'Gelu',
  'FastGelu',
  'QuickGelu',
  'Relu',
  'LeakyRelu',
  'PRelu',
  'Elu',
  'Selu',
  'Celu',
  'Mish',
  'Softplus',
  'Softsign',
  'ThresholdedRelu',
  'Swish',
  'Pow',
  'Exp',
  'Max',
  'Abs',
  'BiasGelu',
]);

/** pre and post of an MLP branch. */
export function findMlp(graph: LaidGraph, { path, out }: Branch): Mlp {
  const at = path.chain.findLastIndex(({ node }) => isProjection(graph, node));
  const down = path.chain[at];
  if (down === undefined) return both('all of it passes through no projection: a mixture of experts?');
  const first = path.chain.findIndex(({ node, region }) => [...region, node].some((one) => isProjection(graph, one)));
  if (first === at && down.region.length === 0) return both('it is a single projection');
  if (!makesWidth(graph, down, out)) return both('several projections together make what is added');
  const post = unflattened(graph, down);
  const roots = rootsOf(graph, post, path);
  if (typeof roots === 'string') return { isCurve: false, pre: roots, post: { tensor: post } };
  const curved = [...roots].filter(([, isCurved]) => isCurved).map(([tensor]) => tensor);
  const [pre] = curved;
  const reason = `${roots.size} projections lead to post, ${curved.length} of them through a non-linearity`;
  const isCurve = pre !== undefined && roots.size === 1 && isOneCurve(graph, pre, post);
  return { isCurve, pre: pre !== undefined && curved.length === 1 ? { tensor: pre } : reason, post: { tensor: post } };
}

/** Whether a projection makes vectors as wide as what the branch adds: else others beside each other follow it (a low-rank pair). */
function makesWidth(graph: LaidGraph, { tensor }: ChainLink, out: string): boolean {
  const [made, added] = [shapeOf(graph, tensor)?.at(-1), shapeOf(graph, out)?.at(-1)];
  return made === undefined || added === undefined || made === added;
}

function both(reason: string): Mlp {
  return { isCurve: false, pre: reason, post: reason };
}

/** Operators that compute every number from one of `pre`, where their other operands are one number. */
const ONE_BY_ONE = new Set([
  ...CURVES,
  ...PASS,
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Neg',
  'Sqrt',
  'Reciprocal',
  'Clip',
  'Min',
]);

function isOneCurve(graph: LaidGraph, pre: string, post: string): boolean {
  const path = pathBetween(graph.index, pre, post);
  const nodes = path?.nodes.map((i) => graph.index.graph.node[i] as NodeProto) ?? [];
  return (
    nodes.length > 0 &&
    nodes.every(({ opType = '', input }) => {
      const others = PASS.has(opType) ? [] : input.filter((name) => name !== '' && path?.isData(name) !== true);
      return (
        ONE_BY_ONE.has(opType) && others.every((name) => shapeOf(graph, name)?.every((size) => size === 1) ?? false)
      );
    })
  );
}

/** What the down projection reads, before a Reshape that joins batch and positions. */
function unflattened(graph: LaidGraph, down: ChainLink): string {
  let tensor = down.from;
  for (;;) {
    const rank = shapeOf(graph, tensor)?.length ?? 3;
    const node = producer(graph, tensor);
    if (rank === 3 || !PASS.has(node?.opType ?? '')) return tensor;
    tensor = node?.input[0] ?? '';
  }
}

/** The outputs of projections that a tensor is a function of, and whether on the way they meet a non-linearity. */
function rootsOf(graph: LaidGraph, post: string, path: DataPath): Map<string, boolean> | string {
  const roots = new Map<string, boolean>();
  const seen = new Map<string, boolean>();
  const pending: [string, boolean][] = [[post, false]];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [tensor, curved] = next;
    if (seen.has(tensor) && (seen.get(tensor) === true || !curved)) continue;
    seen.set(tensor, curved);
    if (isProjected(graph, tensor, path)) {
      roots.set(tensor, (roots.get(tensor) ?? false) || curved);
      continue;
    }
    const node = producer(graph, tensor);
    if (node === undefined || tensor === path.start) return 'post is not made of projections alone';
    if (biasesItself(node)) return `the non-linearity adds a bias itself (${node.opType ?? ''})`;
    const bends = curved || CURVES.has(node.opType ?? '');
    for (const name of node.input) if (path.isData(name)) pending.push([name, bends]);
  }
  return roots;
}

/** Whether a non-linearity adds a bias to what it is given: then what it reads is no tensor of the graph. */
function biasesItself({ opType, input }: NodeProto): boolean {
  return opType === 'BiasGelu' || (opType === 'FastGelu' && (input[1] ?? '') !== '');
}

/** Whether a tensor is a projection's output: with its bias, in other axes, or a part of it. */
function isProjected(graph: LaidGraph, tensor: string, path: DataPath): boolean {
  let node: NodeProto | undefined = producer(graph, tensor);
  let biased = false;
  for (;;) {
    if (node === undefined) return false;
    if (isProjection(graph, node)) return true;
    const data: string[] = node.input.filter((name) => path.isData(name));
    const moves = movementOf(graph, node);
    const isBias: boolean = data.length === 1 && !biased && addsBias(graph, node, data[0] ?? '');
    if (!isBias && moves !== 'view' && moves !== 'part') return false;
    biased ||= isBias;
    node = producer(graph, unwrap(graph, data[0] ?? ''));
  }
}
