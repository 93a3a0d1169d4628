// Which of a model's outputs is its result, the one rule for everybody who asks (the residual stream, `logits` of model run and
// vjp, inspect), and what lies beyond it. Looks at the way from the token embedding to each output, never at an output's place
// in the list; of names only `logits` counts.
//
// 1. The output called `logits`. 2. Else, of the outputs with a vector per token, those behind the most attention (an early exit
//    or a hidden state of a middle layer has less before it). 3. Of these, the one as wide as the vocabulary: it is `logits`.
// 4. Several of that width: the first is the result (their stream is one), and none of them is `logits`. 5. None: the one with
//    the most operators before it is the result, and the model has no `logits`.
import { InputError } from '../../schemas/errors.js';
import { nodeAt } from '../onnx/graph-index.js';
import { nodesBetween } from './data-path.js';
import type { TokenEmbedding } from './embedding.js';
import { PRODUCTS, shapeOf, type SiteGraph } from './site-graph.js';

export interface ModelOutputs {
  /** The output up to which the model's blocks are read. */
  readonly result: string;
  /** The output that holds a number per token of the vocabulary; null where none does for certain. */
  readonly logits: string | null;
  /** Outputs that need more of the model than the result does: what they need beyond it has no sites. */
  readonly beyond: readonly OutputBeyond[];
}

export interface OutputBeyond {
  readonly output: string;
  /** Matrix products that it needs and the result does not. */
  readonly products: number;
}

interface Candidate {
  readonly name: string;
  /** Nodes between the embedding and it. */
  readonly nodes: readonly number[];
  readonly attention: number;
  readonly isPerToken: boolean;
  readonly width: number | string | null;
}

/** The result of a model among its outputs. @throws InputError where none comes from the token embedding */
export function findOutputs(graph: SiteGraph, embedding: TokenEmbedding): ModelOutputs {
  const names = graph.index.graph.output.map((info) => info.name ?? '');
  const candidates = names.flatMap((name) => candidateOf(graph, embedding, name) ?? []);
  if (candidates.length === 0) throw noOutput(names);
  const { result, logits } = choose(candidates, embedding.rows);
  const known = new Set(result.nodes);
  const beyond = candidates.flatMap(({ name, nodes }): OutputBeyond[] => {
    const products = nodes.filter((at) => !known.has(at) && isProduct(graph, at)).length;
    return name === result.name || products === 0 ? [] : [{ output: name, products }];
  });
  return { result: result.name, logits: logits?.name ?? null, beyond };
}

function choose(
  candidates: readonly Candidate[],
  rows: number,
): { readonly result: Candidate; readonly logits: Candidate | null } {
  const named = candidates.find(({ name }) => name === 'logits');
  if (named) return { result: named, logits: named };
  const perToken = candidates.filter(({ isPerToken }) => isPerToken);
  const eligible = perToken.length > 0 ? perToken : candidates;
  const most = Math.max(...eligible.map(({ attention }) => attention));
  const deepest = eligible.filter(({ attention }) => attention === most);
  const wide = deepest.filter(({ width }) => width === rows);
  const [first] = wide;
  if (first) return { result: first, logits: wide.length === 1 ? first : null };
  const longest = Math.max(...deepest.map(({ nodes }) => nodes.length));
  return { result: deepest.find(({ nodes }) => nodes.length === longest) as Candidate, logits: null };
}

function candidateOf(graph: SiteGraph, { tensor }: TokenEmbedding, name: string): Candidate | null {
  const nodes = nodesBetween(graph.index, tensor, name);
  if (nodes === null) return null;
  const made = new Set(nodes.flatMap((at) => nodeAt(graph.index.graph, at).output));
  const shape = shapeOf(graph, name);
  return {
    name,
    nodes,
    attention: nodes.filter((at) => attends(graph, at, made)).length,
    isPerToken: shape === null || shape.length === 3,
    width: shape?.at(-1) ?? null,
  };
}

function isProduct({ index }: SiteGraph, at: number): boolean {
  return PRODUCTS.has(nodeAt(index.graph, at).opType ?? '');
}

/** A product of two activations, or attention as one operator. */
function attends({ index }: SiteGraph, at: number, made: ReadonlySet<string>): boolean {
  const { opType = '', input } = nodeAt(index.graph, at);
  if (opType.includes('Attention')) return true;
  return PRODUCTS.has(opType) && input.slice(0, 2).every((name) => made.has(name));
}

function noOutput(names: readonly string[]): InputError {
  if (names.length === 0) return new InputError('Expected a model with an output, found none.');
  return new InputError(
    `Expected an output that is computed from the token embedding, found ${names.map((name) => `"${name}"`).join(', ')} without a path from it. Export the model with its logits as output.`,
    { outputs: names },
  );
}
