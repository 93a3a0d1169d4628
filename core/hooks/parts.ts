// What the rows of the site table ask of a model and of a block: each place as a tensor with a view, as absent, or with the
// reason why it is not certain. Puts the structures' answers together and decides nothing by name.
import { findAttention, type Laid } from './attention.js';
import { isMoved, isUnknownAtom } from './axis-labels.js';
import { branchNorms, normOver } from './branch-norms.js';
import type { Branch } from './branches.js';
import { findHeadVectors } from './heads.js';
import type { Layout } from './layout.js';
import { findMlp } from './mlp.js';
import type { Norm } from './norms.js';
import { positionTable } from './position-table.js';
import type { ResidualStream, StreamBlock } from './residual-stream.js';
import { readNames } from '../onnx/graph-index.js';
import type { ScoreTie } from './scores.js';
import { shapeOf } from './site-graph.js';
import type { NormView } from './site-view.js';
import type { Found } from './found.js';
import { tokenText, type LaidGraph } from './token-axes.js';
import { best, featuresAs, vectors, vectorsIn, type VectorContext } from './vectors.js';

export interface NormParts {
  readonly scale: Found;
  readonly normalized: Found;
}

export interface ModelParts {
  readonly embed: Found;
  readonly posEmbed: Found;
  readonly lnFinal: NormParts;
}

export interface BlockParts {
  readonly pre: Found;
  readonly mid: Found;
  readonly post: Found;
  /** The sum before the last norm of a post-norm block. */
  readonly sum: Found;
  /** Norms before branches, or after additions. */
  readonly ln1: { readonly before: NormParts; readonly after: NormParts };
  readonly ln2: { readonly before: NormParts; readonly after: NormParts };
  readonly ln1Post: NormParts;
  readonly ln2Post: NormParts;
  readonly attnOut: Found;
  readonly mlpIn: Found;
  readonly mlpOut: Found;
  readonly mlpPre: Found;
  readonly mlpPost: Found;
  /** Whether what the MLP's down projection reads is one function of what its non-linearity reads. */
  readonly mlpIsCurve: boolean;
  readonly attention: AttentionParts;
}

export interface AttentionParts {
  readonly q: Found;
  readonly k: Found;
  readonly v: Found;
  readonly rotQ: Found;
  readonly rotK: Found;
  readonly scores: Found;
  readonly pattern: Found;
  readonly z: Found;
  /** The sites whose product the scores are, where they are one. */
  readonly tie: (ScoreTie & { readonly q: string; readonly k: string }) | null;
}

const NO_NORM: NormParts = { scale: null, normalized: null };

export function describeModel(graph: LaidGraph, stream: ResidualStream): ModelParts {
  const context = { graph, stream };
  const { embedding, outlet, blocks } = stream;
  const table = positionTable(graph.index, stream.intake);
  const last = blocks.at(-1)?.post ?? '';
  const norm = stream.norm === 'pre' ? normOver(graph, outlet, last) : null;
  return {
    embed: vectors(context, embedding.tensor, embedding.width),
    posEmbed: table && positionSite(context, table),
    lnFinal: norm ? normParts(context, norm) : NO_NORM,
  };
}

/** A position table's rows, in the axes of the sum that they are added in. */
function positionSite({ graph, stream }: VectorContext, tensor: string): Found {
  const shape = shapeOf(graph, tensor);
  const sums = (graph.index.consumersOf.get(tensor) ?? []).map((i) => graph.index.graph.node[i]?.output[0] ?? '');
  const layout = sums.map((name) => graph.axes.layoutOf(name)).find((one) => one !== null);
  if (shape === null || layout === undefined) return 'its shape is not known';
  const offset = layout.length - shape.length;
  const held = shape.map((size, i): Layout[number] => (size === 1 ? [] : (layout[i + offset] ?? [])));
  const moved = graph.axes.movedBy(held);
  if (moved !== null) return moved;
  const named = featuresAs(held, 'd_model');
  if (offset < 0 || named === null || named.flat().some(isUnknownAtom)) return 'its axes are not known';
  return best([{ tensor, layout: named }], ['batch', 'pos', 'd_model'], stream.embedding.input);
}

/** An output of the model that has a vector per row and position, as such: [batch, pos, …]. */
export function describeOutput(graph: LaidGraph, stream: ResidualStream, output: string): Found {
  const width = shapeOf(graph, output)?.at(-1);
  return width === undefined ? 'its shape is not known' : vectors({ graph, stream }, output, width);
}

export function describeBlock(graph: LaidGraph, stream: ResidualStream, block: StreamBlock): BlockParts {
  const context = { graph, stream };
  const { attention, mlp } = block;
  const norms = { attention: attention && branchNorms(graph, attention), mlp: mlp && branchNorms(graph, mlp) };
  const [first, second] = block.norms.map(({ links, sum }) => normOver(graph, links, sum));
  const isPost = block.norms.length > 0;
  const shared = norms.mlp?.before && norms.mlp.before.node === norms.attention?.before?.node;
  const parted = block.mlpBranches > 1 ? 'the MLP branch is added in several parts' : null;
  const inner = mlp && findMlp(graph, mlp);
  return {
    pre: vectors(context, block.pre),
    mid: block.mid === null ? null : vectors(context, block.mid),
    post: vectors(context, block.post),
    sum: isPost ? vectors(context, block.norms.at(-1)?.sum ?? '') : null,
    ln1: {
      before:
        attention && !isPost
          ? normBefore(context, norms.attention?.before ?? null, norms.attention?.after ?? null)
          : NO_NORM,
      after: isPost ? normAfter(context, first) : NO_NORM,
    },
    ln2: {
      before:
        mlp && !isPost && !shared ? normBefore(context, norms.mlp?.before ?? null, norms.mlp?.after ?? null) : NO_NORM,
      after: block.norms.length > 1 ? normAfter(context, second) : NO_NORM,
    },
    ln1Post: norms.attention?.after ? normParts(context, norms.attention.after) : NO_NORM,
    ln2Post: norms.mlp?.after ? normParts(context, norms.mlp.after) : NO_NORM,
    attnOut: attention ? vectors(context, attention.out) : 'no attention branch was found',
    mlpIn: mlp ? mlpInput(context, mlp, attention) : parted,
    mlpOut: mlp ? vectors(context, mlp.out) : parted,
    mlpPre: inner ? hidden(context, inner.pre) : parted,
    mlpPost: inner ? hidden(context, inner.post) : parted,
    mlpIsCurve: inner?.isCurve ?? false,
    attention: attention ? attentionParts(context, attention) : allUnknown('no attention branch was found'),
  };
}

function normBefore(context: VectorContext, norm: Norm | null, after: Norm | null): NormParts {
  if (norm) return normParts(context, norm);
  if (after) return NO_NORM;
  const reason = 'no norm of a known form lies between the stream and the branch';
  return { scale: reason, normalized: reason };
}

function normAfter(context: VectorContext, norm: Norm | null | undefined): NormParts {
  if (norm) return normParts(context, norm);
  const reason = 'the norm after the addition has no known form';
  return { scale: reason, normalized: reason };
}

function normParts(context: VectorContext, norm: Norm): NormParts {
  const { parts } = norm;
  if (parts === null) {
    const tensor = norm.node.output[0] ?? '';
    return {
      scale: insideNorm(vectorsIn(context, tensor, 1), 'scale'),
      normalized: insideNorm(vectorsIn(context, tensor, context.stream.width), 'normalized'),
    };
  }
  const scale = vectorsIn(context, parts.scale, 1);
  const isInverse = parts.inverse && scale !== null && typeof scale !== 'string';
  if (isInverse && scale.view !== null)
    return { scale: 'its axes are joined', normalized: vectors(context, parts.normalized) };
  return {
    scale: isInverse ? { ...scale, view: { kind: 'reciprocal' } } : scale,
    normalized: vectors(context, parts.normalized),
  };
}

function insideNorm(found: Found, part: NormView['part']): Found {
  if (found === null || typeof found === 'string') return found;
  const { view, sizes } = found;
  const shown = view?.kind === 'axes' ? view : null;
  const last = part === 'scale' ? 1 : (sizes.at(-1) ?? 1);
  return { ...found, sizes: [...sizes.slice(0, -1), last], view: { kind: 'norm', part, shown } };
}

function mlpInput(context: VectorContext, mlp: Branch, attention: Branch | null): Found {
  const { source, path } = mlp;
  const found = vectors(context, source);
  if (found === null || typeof found === 'string') return found;
  const { graph } = context.graph.index;
  const reads = path.nodes.filter((i) => {
    const node = graph.node[i];
    return node !== undefined && readNames(node).includes(source);
  });
  const shared = reads.some((i) => attention?.source === source && attention.path.nodes.includes(i));
  const readOnly = shared ? 'attention and MLP read it through one norm' : null;
  return { ...found, readOnly, readers: reads.map((i) => graph.node[i]?.output[0] ?? '') };
}

function hidden(context: VectorContext, place: { readonly tensor: string } | string): Found {
  if (typeof place === 'string') return place;
  const { tensor } = place;
  return vectors(context, tensor, shapeOf(context.graph, tensor)?.at(-1) ?? '?');
}

function attentionParts(context: VectorContext, branch: Branch): AttentionParts {
  const { graph, stream } = context;
  const like = stream.embedding.input;
  const { scores, pattern, z, q, k, v, tie } = findAttention(graph, branch);
  const pairs = ['batch', 'head', 'query_pos', 'key_pos'];
  const at = (place: Laid | string): Found =>
    typeof place === 'string' ? place : best(certain(graph, [place]), pairs, like);
  const queries = heads(context, branch, { operand: q, role: 'head' });
  const keys = heads(context, branch, { operand: k, role: 'kv_head' });
  return {
    q: queries.projected,
    k: keys.projected,
    v: heads(context, branch, { operand: v, role: 'kv_head' }).projected,
    rotQ: queries.rotated,
    rotK: keys.rotated,
    scores: at(scores),
    pattern: at(pattern),
    tie: tie && queries.tied && keys.tied ? { ...tie, q: tiedSite('q', queries), k: tiedSite('k', keys) } : null,
    z: typeof z === 'string' ? z : best(certain(graph, z), ['batch', 'pos', 'head', 'd_head'], like),
  };
}

function tiedSite(name: string, { rotated }: HeadSites): string {
  return rotated === null ? `attn.hook_${name}` : `attn.hook_rot_${name}`;
}

interface HeadSites {
  readonly projected: Found;
  readonly rotated: Found;
  /** Whether the operand of the product is a multiple of them. */
  readonly tied: boolean;
}

function heads(
  { graph, stream }: VectorContext,
  branch: Branch,
  { operand, role }: { operand: Laid | string; role: 'head' | 'kv_head' },
): HeadSites {
  if (typeof operand === 'string') return { projected: operand, rotated: null, tied: false };
  const found = findHeadVectors(graph, branch.source, operand);
  if (typeof found === 'string') return { projected: found, rotated: null, tied: false };
  const axes = ['batch', 'pos', role, 'd_head'];
  const named = (places: readonly Laid[]): Laid[] =>
    certain(graph, places).map(({ tensor, layout }) => ({ tensor, layout: renamed(layout, role) }));
  const like = stream.embedding.input;
  return {
    tied: found.tied,
    projected: best(named(found.projected), axes, like),
    rotated: found.rotated.length === 0 ? null : best(named(found.rotated), axes, like),
  };
}

/** The places whose layout, found from the attention's core, agrees with the one that was followed from the token ids. */
function certain({ axes }: LaidGraph, places: readonly Laid[]): Laid[] {
  return places.filter(({ tensor, layout }) => {
    const followed = axes.layoutOf(tensor);
    if (followed === null || followed.flat().some(isUnknownAtom)) return true;
    const own = layout.map((axis) =>
      axis.map(({ label, size }) => ({ label: label.replace(/^(query|key)_pos/, 'pos'), size })),
    );
    // A sink's column stands beside the keys for a while.
    const moved = followed.flat().some((one) => isMoved(one) && !one.label.startsWith('key'));
    return !moved && tokenText(own) === tokenText(followed);
  });
}

function renamed(layout: Layout, role: string): Layout {
  return layout.map((axis) => axis.map(({ label, size }) => ({ label: label.replace(/^head/, role), size })));
}

function allUnknown(reason: string): AttentionParts {
  const all = { q: reason, k: reason, v: reason, scores: reason, pattern: reason, z: reason };
  return { ...all, rotQ: null, rotK: null, tie: null };
}
