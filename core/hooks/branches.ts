// What an addition adds to the residual stream: the operands of a sum, whatever its association, told apart into the stream
// itself, an attention branch and an MLP branch.
//
// x + a, a + x, (m + a) + x, (x + a) + m, … : a sum whose operands all come from the stream x is opened; the operand that is x
// unchanged is the skip. Operands of one kind that are summed by themselves first (experts and a shared expert) stay one branch.
import type { NodeProto } from '../onnx/proto.js';
import { pathBetween, type ChainLink, type DataPath } from './data-path.js';
import { originOf, producer, PRODUCTS, type SiteGraph } from './site-graph.js';

export type BranchKind = 'attention' | 'mlp';

/** A branch from the stream to what is added to it. */
export interface Branch {
  readonly kind: BranchKind;
  /** The stream's tensor that the branch reads. */
  readonly source: string;
  /** What is added. */
  readonly out: string;
  readonly path: DataPath;
}

interface Operand {
  readonly kind: BranchKind | 'skip' | 'other';
  readonly tensor: string;
}

/** The branches that a link adds to the tensor before it; null where it is no sum with that tensor unchanged. */
export function branchesOf(graph: SiteGraph, link: ChainLink, data: DataPath): readonly Branch[] | null {
  if (link.node.opType !== 'Add' || !link.node.input.every((name) => data.isData(name))) return null;
  const operands = openSum(graph, link.node, { from: link.from, data });
  if (operands.filter(({ kind }) => kind === 'skip').length !== 1) return null;
  const branches = operands.flatMap(({ kind, tensor }): Branch[] => {
    const path = kind === 'skip' || kind === 'other' ? null : pathBetween(graph.index, link.from, tensor);
    if (path === null || kind === 'skip' || kind === 'other') return [];
    return [{ kind, source: link.from, out: tensor, path }];
  });
  return branches.length === operands.length - 1 ? branches : null;
}

function openSum(graph: SiteGraph, sum: NodeProto, at: { readonly from: string; readonly data: DataPath }): Operand[] {
  return sum.input.flatMap((tensor): Operand[] => {
    const behind = originOf(graph, tensor, at.from);
    if (behind === at.from) return [{ kind: 'skip', tensor }];
    const node = producer(graph, behind);
    const isSum = node?.opType === 'Add' && node.input.every((name) => at.data.isData(name));
    if (isSum && (graph.index.consumersOf.get(behind)?.length ?? 0) === 1) {
      const inner = openSum(graph, node, at);
      const [first] = inner;
      const alike = inner.every(({ kind }) => kind === first?.kind && kind === 'mlp');
      return first && alike ? [{ kind: first.kind, tensor }] : inner;
    }
    const path = pathBetween(graph.index, at.from, tensor);
    const nodes = path?.nodes.map((i) => graph.index.graph.node[i] as NodeProto) ?? [];
    return [{ kind: branchKind(graph, at.data, nodes) ?? 'other', tensor }];
  });
}

/** What a branch computes; null where it holds no matrix product and so is no branch. */
export function branchKind(graph: SiteGraph, data: DataPath, region: readonly NodeProto[]): BranchKind | null {
  if (region.some((node) => attends(graph, data, node))) return 'attention';
  return region.some((node) => PRODUCTS.has(node.opType ?? '')) ? 'mlp' : null;
}

function attends(graph: SiteGraph, data: DataPath, node: NodeProto): boolean {
  if ((node.opType ?? '').includes('Attention')) return true;
  return node.opType === 'Softmax' && isOverActivations(graph, data, node);
}

/** Whether what a Softmax reads was last multiplied out of two activations. */
export function isOverActivations(graph: SiteGraph, data: DataPath, softmax: NodeProto): boolean {
  const met = new Set(softmax.input.filter((name) => data.isData(name)));
  for (const tensor of met) {
    const node = producer(graph, tensor);
    const operands = node?.input ?? [];
    if (!PRODUCTS.has(node?.opType ?? '')) {
      for (const name of operands) if (data.isData(name)) met.add(name);
    } else if (operands.slice(0, 2).every((name) => data.isData(name))) return true;
  }
  return false;
}
