// Finds the residual stream of a transformer by structure alone; names in the file play no part. Never guesses: a graph that
// does not fit the rules is refused with what was found.
//
// Rules. 1. A residual addition is a link of the dominator chain (data-path.ts) that adds a branch to the link before it:
//    x_{k+1} = x_k + branch(x_k), the branch holding at least one matrix product.
// 2. A branch with attention is an attention branch, else an MLP branch. Attention is an Attention operator, or a Softmax over
//    a product of two activations (q kᵀ); the Softmax of a mixture's router, over a product with a weight, is none.
// 3. Blocks are either (attention, MLP) pairs, with a resid_mid between, or single branches (parallel attention and MLP, as in
//    GPT-NeoX: attention + MLP + x).
// 4. Between one addition and the next lies nothing (pre-norm; also a norm after the branch, as in Gemma 2, is inside the
//    branch), or at every place a norm through which the whole stream passes (post-norm, as in BERT): then the stream after
//    the addition is the norm's output, in the last block as well, where the same sequence of operators must follow.
import { InputError } from '../../schemas/errors.js';
import { readAttributes } from '../onnx/attributes.js';
import { nodeAt } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';
import { branchesOf, branchKind, type Branch, type BranchKind } from './branches.js';
import { pathBetween, type ChainLink, type DataPath } from './data-path.js';
import { findEmbedding, weightShape, type TokenEmbedding } from './embedding.js';
import { findOutputs, type ModelOutputs } from './model-outputs.js';
import { PASS, PRODUCTS, scalarOf, type SiteGraph } from './site-graph.js';

export interface StreamBlock {
  /** Tensors of the stream, each [batch, pos, width]: before the block, between its branches, after it. */
  readonly pre: string;
  readonly mid: string | null;
  readonly post: string;
  readonly attention: Branch | null;
  /** Null where there is none, or several that are added one by one. */
  readonly mlp: Branch | null;
  readonly mlpBranches: number;
  /** The norm that follows each addition of a post-norm block, in their order; else none. */
  readonly norms: readonly NormAfter[];
}

/** A norm through which the whole stream passes. */
export interface NormAfter {
  /** The sum that it reads. */
  readonly sum: string;
  readonly links: readonly ChainLink[];
}

export interface ResidualStream {
  readonly embedding: TokenEmbedding;
  readonly outputs: ModelOutputs;
  readonly blocks: readonly StreamBlock[];
  readonly norm: 'pre' | 'post';
  /** Size of its last axis. */
  readonly width: number;
  /** Links between the embedding and the first block, where positions are added. */
  readonly intake: readonly ChainLink[];
  /** Links after the last block. */
  readonly outlet: readonly ChainLink[];
}

interface Addition {
  /** Place in the chain. */
  readonly at: number;
  readonly link: ChainLink;
  readonly kind: BranchKind;
  readonly branches: readonly Branch[];
  /** The stream's tensor that the branches read and are added to. */
  readonly source: string;
}

/**
 * The residual stream of a graph, block by block.
 * @throws InputError where the graph is not a transformer of a known structure
 */
export function findResidualStream(graph: SiteGraph): ResidualStream {
  const embedding = findEmbedding(graph.index);
  const outputs = findOutputs(graph, embedding);
  const path = pathBetween(graph.index, embedding.tensor, outputs.result) as DataPath;
  refuseTraining(graph, path);
  const additions = findAdditions(graph, path);
  const layout = blockLayout(additions, path);
  const after = streamAfter(additions, path, embedding);
  const first = additions[0] as Addition;
  const blocks: StreamBlock[] = [];
  for (let k = 0; k < additions.length; k += layout) {
    const own = additions.slice(k, k + layout);
    const branches = own.flatMap((addition) => addition.branches);
    blocks.push({
      pre: k === 0 ? first.source : (after.tensors[k - 1] as string),
      mid: layout === 2 ? sumOf(additions[k] as Addition) : null,
      post: after.tensors[k + layout - 1] as string,
      attention: onlyBranch(branches, 'attention'),
      mlp: onlyBranch(branches, 'mlp'),
      mlpBranches: branches.filter(({ kind }) => kind === 'mlp').length,
      norms: after.norms.slice(k, k + layout),
    });
  }
  const intake = path.chain.slice(0, first.at);
  const width = intake.reduce((w, link) => productWidth(graph, link.node) ?? w, embedding.width);
  const outlet = path.chain.slice((additions.at(-1) as Addition).at + 1);
  return { embedding, outputs, blocks, norm: after.norm, width, intake, outlet };
}

function onlyBranch(branches: readonly Branch[], kind: BranchKind): Branch | null {
  const found = branches.filter((branch) => branch.kind === kind);
  return found.length === 1 ? (found[0] ?? null) : null;
}

function sumOf(addition: Addition): string {
  return addition.link.node.output[0] ?? '';
}

/** Width of what a product with a weight makes (models that widen a narrow embedding); null for other nodes. */
function productWidth({ index }: SiteGraph, node: NodeProto): number | null {
  if (node.opType !== 'MatMul' && node.opType !== 'Gemm') return null;
  const shape = weightShape(index, node.input[1] ?? '');
  const transposed = readAttributes(node).int('transB', 0) === 1;
  return shape?.at(transposed ? 0 : -1) ?? null;
}

/** @throws InputError where a Dropout drops: the values of such a model are random */
function refuseTraining(graph: SiteGraph, path: DataPath): void {
  for (const at of path.nodes) {
    const { opType, input, name } = nodeAt(graph.index.graph, at);
    const isTraining = opType === 'Dropout' && scalarOf(graph, input[2] ?? '') === 1;
    const ratio = isTraining ? (scalarOf(graph, input[1] ?? '') ?? 0.5) : 0;
    if (ratio === 0) continue;
    throw new InputError(
      `Expected a model in inference mode, found node "${name ?? ''}" (Dropout) that drops ${ratio.toPrecision(3)} of its values at random. Call eval() on the module that is exported, and export it anew.`,
      { node: name, ratio },
    );
  }
}

function findAdditions(graph: SiteGraph, path: DataPath): Addition[] {
  const additions: Addition[] = [];
  path.chain.forEach((link, at) => {
    const kind = branchKind(graph, path, link.region);
    const operator = link.node.opType ?? '';
    if (/^Skip.*Normalization$/.test(operator)) throw fused(operator, link.node);
    if (kind === null) return;
    const branches = branchesOf(graph, link, path);
    if (branches !== null) additions.push({ at, link, kind, branches, source: link.from });
    else if (kind === 'attention' || isSum(link, path)) throw notAdded(link, kind);
  });
  return additions;
}

function isSum({ node }: ChainLink, path: DataPath): boolean {
  return node.opType === 'Add' && node.input.every((name) => path.isData(name));
}

/** Additions per block: 2 for (attention, MLP) pairs, 1 for parallel branches. */
function blockLayout(additions: readonly Addition[], path: DataPath): 1 | 2 {
  const kinds = additions.map((addition) => addition.kind);
  if (kinds.length > 0 && kinds.every((kind) => kind === 'attention')) return 1;
  const paired = kinds.length % 2 === 0 && kinds.every((kind, k) => kind === (k % 2 === 0 ? 'attention' : 'mlp'));
  if (paired && kinds.length > 0) return 2;
  const found = kinds.length === 0 ? 'no addition to a residual stream' : `the additions ${kinds.join(', ')}`;
  throw new InputError(
    `Expected blocks of attention and MLP branches added to a residual stream, found ${found} among ${path.chain.length} nodes through which every path from embedding to output passes. ${ADVICE}`,
    { additions: kinds, chain: path.chain.map((link) => link.node.opType ?? '') },
  );
}

/** The stream's tensor after each addition. */
function streamAfter(
  additions: readonly Addition[],
  path: DataPath,
  embedding: TokenEmbedding,
): { tensors: string[]; norm: 'pre' | 'post'; norms: NormAfter[] } {
  const between = additions.slice(1).map((next, k) => {
    const links = path.chain.slice((additions[k] as Addition).at + 1, next.at);
    return { links, operators: changing(links) };
  });
  const sums = additions.map(sumOf);
  const signature = between[0]?.operators ?? [];
  if (between.some(({ operators }) => operators.join() !== signature.join())) {
    throw unknownStream(between.map(({ operators }) => operators));
  }
  if (signature.length === 0) {
    if (additions.length === 1) requireNormInBranch(additions[0] as Addition, embedding);
    return { tensors: sums, norm: 'pre', norms: [] };
  }
  if (!between.every(({ links }) => isNorm(links))) throw unknownStream([signature]);
  const tensors = additions.slice(1).map((next) => next.source);
  const last = lastNorm(path.chain.slice((additions.at(-1) as Addition).at + 1), signature);
  tensors.push(last.at(-1)?.tensor ?? '');
  const links = [...between.map((b) => b.links), last];
  const norms = sums.map((sum, k) => ({ sum, links: links[k] as readonly ChainLink[] }));
  return { tensors, norm: 'post', norms };
}

/** Operators of the links that change values. */
function changing(links: readonly ChainLink[]): string[] {
  return links.map((link) => link.node.opType ?? '').filter((name) => !PASS.has(name));
}

/** Whether the links are one normalisation: an operator of that kind, or a mean over the stream, and no matrix product. */
function isNorm(links: readonly ChainLink[]): boolean {
  const operators = links.flatMap((link) => [link.node, ...link.region]).map((node) => node.opType ?? '');
  return operators.some(isNormOperator) && !operators.some((name) => PRODUCTS.has(name) || name === 'Softmax');
}

function isNormOperator(name: string): boolean {
  return name === 'ReduceMean' || /(^|Layer|RMS|Group|Instance)Normalization$/.test(name);
}

/** The norm that follows the last addition of a post-norm model: as many links as before, of the same operators. */
function lastNorm(links: readonly ChainLink[], signature: readonly string[]): readonly ChainLink[] {
  const found: string[] = [];
  for (const [i, link] of links.entries()) {
    const operator = link.node.opType ?? '';
    if (PASS.has(operator)) continue;
    found.push(operator);
    if (found.length < signature.length) continue;
    if (found.join() === signature.join()) return links.slice(0, i + 1);
    break;
  }
  throw unknownStream([[...signature], found]);
}

/** With one addition nothing lies between two; only a norm inside its branch tells that the stream is not normed after it. */
function requireNormInBranch(addition: Addition, embedding: TokenEmbedding): void {
  if (addition.link.region.some((node) => isNormOperator(node.opType ?? ''))) return;
  throw new InputError(
    `Expected a norm inside the only block's branch or a second block; without them it cannot be told whether the block ends before or after the norm that follows (embedding "${embedding.tensor}"). ${ADVICE}`,
    { embedding: embedding.tensor },
  );
}

const ADVICE =
  'Known are decoder and encoder transformers exported by torch.onnx (both exporters) with eager attention and no cache. Give such an export, neither optimised nor fused; other structures are not read.';

function unknownStream(operators: readonly (readonly string[])[]): InputError {
  const found = [...new Set(operators.map((list) => list.join(' → ') || 'nothing'))].join('; ');
  return new InputError(
    `Expected nothing, or everywhere the same norm, between the additions to the residual stream, found: ${found}. ${ADVICE}`,
    { between: operators },
  );
}

function notAdded(link: ChainLink, kind: BranchKind): InputError {
  const { opType, name } = link.node;
  return new InputError(
    `Expected every ${kind} branch to be added to the residual stream, found one that ends in node "${name ?? ''}" (${opType ?? ''}) without an unchanged operand. ${ADVICE}`,
    { node: name, operator: opType },
  );
}

function fused(operator: string, node: NodeProto): InputError {
  return new InputError(
    `Expected plain additions to the residual stream, found ${operator} (node "${node.name ?? ''}"): the file was optimised for inference, which hides the stream. Give the file as torch.onnx or optimum exported it, before optimisation.`,
    { node: node.name, operator },
  );
}
