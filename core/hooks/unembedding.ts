// How a direction of the residual stream reaches the logits when nothing lies between: through the final norm's gain and the
// unembedding, both as the model itself applies them. Found by structure; the graph that is made must be proved linear by whoever
// runs it (models/lens.ts), since what stands after the unembedding may bend (a soft-cap).
//
//   logits(v) − logits(0) = W_U (γ ∘ v)      v in place of the final norm's normalised value, s = 1
// The norm's division by s (one number per row) is left out; a centring norm's mean is the caller's to take away.
import type { GraphIndex } from '../onnx/graph-index.js';
import { indexGraph } from '../onnx/graph-index.js';
import { graphOf } from '../onnx/cut.js';
import type { ModelProto } from '../onnx/proto.js';
import { normOver } from './branch-norms.js';
import { findResidualStream } from './residual-stream.js';
import { isProjection, PASS, producer, shapeOf, siteGraph, type SiteGraph } from './site-graph.js';
import type { ModelSites, Site } from './sites.js';

export interface Unembedding {
  /** Where a direction is put in: the final norm's normalised value, or the last block's output where there is no norm. */
  readonly site: Site;
  /** Whether the norm takes the mean away. */
  readonly centred: boolean;
  /** Tensors with a number per token of the vocabulary, to be tried in this order: the logits, the unembedding's product. */
  readonly tensors: readonly string[];
  readonly vocabulary: number;
}

/** The way from stream to logits; a sentence where it is not certain. */
export function findUnembedding(
  model: ModelProto,
  resolved: Pick<ModelSites, 'sites' | 'results' | 'layers'>,
  index: GraphIndex = indexGraph(graphOf(model)),
): Unembedding | string {
  const { logits } = resolved.results;
  if (logits === null) return 'the model has no output that is its logits for certain';
  const graph = siteGraph(model, index);
  const stream = findResidualStream(graph);
  if (stream.norm === 'post')
    return 'the whole stream passes a norm after every block, so that no direction reaches the logits by itself';
  const norm = normOver(graph, stream.outlet, stream.blocks.at(-1)?.post ?? '');
  const name = norm ? 'ln_final.hook_normalized' : `blocks.${resolved.layers - 1}.hook_resid_post`;
  const site = resolved.sites.find((one) => one.name === name);
  if (!site) return `site ${name} is not known of the model`;
  if (site.readOnly !== null) return `site ${name} cannot be replaced: ${site.readOnly}`;
  const vocabulary = shapeOf(graph, logits)?.at(-1);
  if (typeof vocabulary !== 'number') return "the size of the logits' last axis is not known";
  const product = unembeddingProduct(graph, logits, vocabulary);
  const tensors = product === null || product === logits ? [logits] : [logits, product];
  return { site, centred: norm?.centred ?? false, tensors, vocabulary };
}

/** Operators with one value that may stand between the unembedding's product and the logits. */
const AFTER: ReadonlySet<string> = new Set([...PASS, 'Add', 'Sub', 'Mul', 'Div', 'Tanh', 'Slice', 'Gather']);

/** The last product with a stored matrix before the logits, as wide as they are; null where none is found. */
function unembeddingProduct(graph: SiteGraph, logits: string, vocabulary: number): string | null {
  let tensor = logits;
  for (;;) {
    const node = producer(graph, tensor);
    if (node === undefined) return null;
    if (isProjection(graph, node)) return shapeOf(graph, tensor)?.at(-1) === vocabulary ? tensor : null;
    if (!AFTER.has(node.opType ?? '')) return null;
    const made = node.input.filter((name) => producer(graph, name) !== undefined);
    tensor = made.find((name) => shapeOf(graph, name)?.at(-1) === vocabulary) ?? '';
  }
}

/** How a site's values stand to the residual stream of a pre-norm model. */
export type StreamRole = 'state' | 'addend' | null;

/** `state`: the stream itself; `addend`: what is added to it; null: neither (or not known). */
export function streamRole(site: string): StreamRole {
  if (/^blocks\.\d+\.hook_resid_(pre|mid|post)$/.test(site)) return 'state';
  return /^blocks\.\d+\.hook_(attn|mlp)_out$/.test(site) || site === 'hook_pos_embed' ? 'addend' : null;
}
