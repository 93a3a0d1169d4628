// What the rows of the site table ask of a model and of a block: each place as a tensor with a view, as absent, or with the
// reason why it is not certain. Puts the structures' answers together and decides nothing by name.
import type { Dim } from '../onnx/shape.js';
import { findAttention, type Laid, type StreamSizes } from './attention.js';
import { branchNorms, normOver } from './branch-norms.js';
import type { Branch } from './branches.js';
import { findHeadVectors } from './heads.js';
import type { Atom, Layout } from './layout.js';
import { findMlp } from './mlp.js';
import type { Norm } from './norms.js';
import { positionTable } from './position-table.js';
import type { ResidualStream, StreamBlock } from './residual-stream.js';
import { readNames } from '../onnx/graph-index.js';
import { PASS, shapeOf, type SiteGraph } from './site-graph.js';
import { locate, viewCost, type Located, type NormView } from './site-view.js';
import type { Found } from './found.js';

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
}

const NO_NORM: NormParts = { scale: null, normalized: null };

interface Context {
  readonly graph: SiteGraph;
  readonly stream: ResidualStream;
  readonly sizes: StreamSizes;
}

function contextOf(graph: SiteGraph, stream: ResidualStream): Context {
  const [batch = '?batch', pos = '?pos'] = shapeOf(graph, stream.embedding.tensor) ?? [];
  return { graph, stream, sizes: { batch, pos } };
}

export function describeModel(graph: SiteGraph, stream: ResidualStream): ModelParts {
  const context = contextOf(graph, stream);
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

/** A position table's rows: [pos, d] or [1, pos, d] or [batch, pos, d]. */
function positionSite({ graph, stream, sizes }: Context, tensor: string): Found {
  const shape = shapeOf(graph, tensor);
  const [d = stream.width, pos = sizes.pos, batch = 1] = [...(shape ?? [])].reverse();
  if (shape === null || shape.length < 2 || shape.length > 3) return 'its shape is not known';
  const axis = (label: string, size: Dim): readonly Atom[] => (size === 1 ? [] : [{ label, size }]);
  const layout: Layout = [axis('batch', batch), axis('pos', pos), axis('d_model', d)];
  return best(
    [{ tensor, layout: shape.length === 3 ? layout : layout.slice(1) }],
    ['batch', 'pos', 'd_model'],
    stream.embedding.tensor,
  );
}

export function describeBlock(graph: SiteGraph, stream: ResidualStream, block: StreamBlock): BlockParts {
  const context = contextOf(graph, stream);
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
    attention: attention ? attentionParts(context, attention) : allUnknown('no attention branch was found'),
  };
}

function normBefore(context: Context, norm: Norm | null, after: Norm | null): NormParts {
  if (norm) return normParts(context, norm);
  if (after) return NO_NORM;
  const reason = 'no norm of a known form lies between the stream and the branch';
  return { scale: reason, normalized: reason };
}

function normAfter(context: Context, norm: Norm | null | undefined): NormParts {
  if (norm) return normParts(context, norm);
  const reason = 'the norm after the addition has no known form';
  return { scale: reason, normalized: reason };
}

function normParts(context: Context, norm: Norm): NormParts {
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

function mlpInput(context: Context, mlp: Branch, attention: Branch | null): Found {
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

/** A tensor [batch, pos, width], or with its first axes joined; a Reshape of it that is so by itself is preferred. */
function vectors(context: Context, tensor: string, width: Dim = context.stream.width): Found {
  const own = layoutOfVectors(context, tensor, width);
  if (typeof own === 'string') return own;
  return nearest(context, [{ tensor, layout: own }, ...reshaped(context.graph, { tensor, layout: own })]);
}

/** As `vectors`, in the tensor itself. */
function vectorsIn(context: Context, tensor: string, width: Dim): Found {
  const layout = layoutOfVectors(context, tensor, width);
  return typeof layout === 'string' ? layout : nearest(context, [{ tensor, layout }]);
}

function nearest({ stream }: Context, places: readonly Laid[]): Found {
  return best(places, ['batch', 'pos', 'last'], stream.embedding.tensor);
}

function layoutOfVectors({ graph, sizes }: Context, tensor: string, width: Dim): Layout | string {
  const rank = shapeOf(graph, tensor)?.length ?? 3;
  const batch = { label: 'batch', size: sizes.batch };
  const pos = { label: 'pos', size: sizes.pos };
  const last = width === 1 ? [] : [{ label: 'last', size: width }];
  if (rank === 3) return [[batch], [pos], last];
  return rank === 2 ? [[batch, pos], last] : `tensor "${tensor}" has ${rank} axes`;
}

/** Reshapes of a joint tensor to three axes that are its only reader. */
function reshaped(graph: SiteGraph, { tensor, layout }: Laid): Laid[] {
  if (layout.length !== 2) return [];
  const readers = graph.index.consumersOf.get(tensor) ?? [];
  const [only] = readers.map((i) => graph.index.graph.node[i]);
  const output = only?.output[0] ?? '';
  const isOpened = readers.length === 1 && PASS.has(only?.opType ?? '') && shapeOf(graph, output)?.length === 3;
  const [joint, last] = layout;
  return isOpened ? [{ tensor: output, layout: [...(joint ?? []).map((one) => [one]), last ?? []] }] : [];
}

function hidden(context: Context, place: { readonly tensor: string } | string): Found {
  if (typeof place === 'string') return place;
  const { tensor } = place;
  return vectors(context, tensor, shapeOf(context.graph, tensor)?.at(-1) ?? '?');
}

function attentionParts(context: Context, branch: Branch): AttentionParts {
  const { graph, sizes, stream } = context;
  const like = stream.embedding.tensor;
  const { scores, pattern, z, q, k, v } = findAttention(graph, branch, sizes);
  const pairs = ['batch', 'head', 'query_pos', 'key_pos'];
  const at = (place: Laid | string): Found => (typeof place === 'string' ? place : best([place], pairs, like));
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
    z: typeof z === 'string' ? z : best(z, ['batch', 'pos', 'head', 'd_head'], like),
  };
}

function heads(
  { graph, stream }: Context,
  branch: Branch,
  { operand, role }: { operand: Laid | string; role: 'head' | 'kv_head' },
): { projected: Found; rotated: Found } {
  if (typeof operand === 'string') return { projected: operand, rotated: null };
  const found = findHeadVectors(graph, branch.source, operand);
  if (typeof found === 'string') return { projected: found, rotated: null };
  const axes = ['batch', 'pos', role, 'd_head'];
  const named = (places: readonly Laid[]): Laid[] =>
    places.map(({ tensor, layout }) => ({ tensor, layout: renamed(layout, role) }));
  const like = stream.embedding.tensor;
  return {
    projected: best(named(found.projected), axes, like),
    rotated: found.rotated.length === 0 ? null : best(named(found.rotated), axes, like),
  };
}

function renamed(layout: Layout, role: string): Layout {
  return layout.map((axis) => axis.map(({ label, size }) => ({ label: label.replace(/^head/, role), size })));
}

/** The place whose view costs least; the first among equals. */
function best(places: readonly Laid[], axes: readonly string[], like: string): Found {
  let least: Located | null = null;
  for (const place of places) {
    const located = locate({ ...place, like }, axes);
    if (located && (least === null || viewCost(located.view) < viewCost(least.view))) least = located;
  }
  return least ?? 'its axes cannot be followed';
}

function allUnknown(reason: string): AttentionParts {
  return { q: reason, k: reason, v: reason, rotQ: null, rotK: null, scores: reason, pattern: reason, z: reason };
}
