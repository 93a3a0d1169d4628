// The norms of a branch: the one between the stream and its first matrix product, and the one between its last product and the
// stream (Gemma 2). Every path of the branch passes them.
import type { NodeProto } from '../onnx/proto.js';
import type { Branch } from './branches.js';
import type { ChainLink } from './data-path.js';
import { normOf, type Norm } from './norms.js';
import { originOf, PRODUCTS, shapeOf, type SiteGraph } from './site-graph.js';

export interface BranchNorms {
  readonly before: Norm | null;
  readonly after: Norm | null;
}

export function branchNorms(graph: SiteGraph, { path, source, out }: Branch): BranchNorms {
  const { chain } = path;
  const first = chain.findIndex((link) => nodesOf(link).some(isProduct));
  const last = chain.findLastIndex((link) => nodesOf(link).some(isProduct));
  const width = shapeOf(graph, out)?.at(-1);
  const after = chain.slice(last + 1).map((link) => normOf(graph, link));
  return {
    before: normOver(graph, chain.slice(0, Math.max(first, 0)), source),
    after: after.find((norm) => norm && shapeOf(graph, norm.input)?.at(-1) === width) ?? null,
  };
}

/** The first norm among links, before any product, that reads the given tensor. */
export function normOver(graph: SiteGraph, links: readonly ChainLink[], tensor: string): Norm | null {
  const start = originOf(graph, tensor);
  const width = shapeOf(graph, tensor)?.at(-1);
  for (const link of links) {
    if (isProduct(link.node)) return null;
    const norm = normOf(graph, link);
    if (norm === null || originOf(graph, norm.input) !== start) continue;
    if (shapeOf(graph, norm.input)?.at(-1) === width) return norm;
  }
  return null;
}

function nodesOf({ node, region }: ChainLink): readonly NodeProto[] {
  return [...region, node];
}

function isProduct(node: NodeProto): boolean {
  return PRODUCTS.has(node.opType ?? '');
}
