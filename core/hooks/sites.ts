// The named places of a model, one row per kind. A new kind of site is one more row; how it is found is asked of the structure's
// own file (attention.ts, heads.ts, mlp.ts, norms.ts …). Values are those of the unprocessed weights: nothing is folded or
// centred. What is not certain is left out, with the reason.
import type { BlockSite, OuterSite } from './site-names.js';
import { sitePattern } from './site-pattern.js';
import { indexGraph, type GraphIndex } from '../onnx/graph-index.js';
import { graphOf } from '../onnx/cut.js';
import type { ModelProto } from '../onnx/proto.js';
import type { Dim } from '../onnx/shape.js';
import { countDynamicQuantisation, hiddenByQuantisation } from './dynamic-quantisation.js';
import { describeBlock, describeModel, describeOutput, type BlockParts, type ModelParts } from './parts.js';
import type { Found } from './found.js';
import type { ModelOutputs } from './model-outputs.js';
import { positionLimit, positionRows, type PositionRows } from './position-table.js';
import { findResidualStream, type ResidualStream } from './residual-stream.js';
import { siteGraph, type SiteGraph } from './site-graph.js';
import type { SiteView } from './site-view.js';
import { followTokens, type LaidGraph } from './token-axes.js';

export interface Site {
  /** TransformerLens spelling, e.g. `blocks.2.hook_resid_post`. */
  readonly name: string;
  /** The tensor behind it. */
  readonly tensor: string;
  readonly axes: readonly string[];
  /** Sizes of the axes: numbers, or names where they vary. */
  readonly sizes: readonly Dim[];
  /** Size of the last axis; 0 where it varies (positions). */
  readonly width: number;
  /** How it is seen in the tensor; null where it is the tensor itself. */
  readonly view: SiteView | null;
  /** Nodes that read it, by their first output, where the tensor has other readers too; null: all. */
  readonly readers: readonly string[] | null;
  /** Why it can be read but not edited; null where it can. */
  readonly readOnly: string | null;
}

/** A site of a kind that the model should have, and why it was not found. */
export interface UnresolvedSite {
  readonly site: string;
  readonly reason: string;
}

interface SiteKind<Parts, Name extends string> {
  readonly name: Name;
  readonly axes: readonly string[];
  readonly find: (parts: Parts) => Found;
}

const STREAM = ['batch', 'pos', 'd_model'];
const QUERY = ['batch', 'pos', 'head', 'd_head'];
const KEY = ['batch', 'pos', 'kv_head', 'd_head'];
const PAIRS = ['batch', 'head', 'query_pos', 'key_pos'];
const SCALE = ['batch', 'pos', 'scale'];
const HIDDEN = ['batch', 'pos', 'd_mlp'];

/** `hook_embed` is the table's row itself, before any scaling or norm that a model applies. */
const BEFORE: readonly SiteKind<ModelParts, OuterSite>[] = [
  { name: 'hook_embed', axes: STREAM, find: (m) => m.embed },
  { name: 'hook_pos_embed', axes: STREAM, find: (m) => m.posEmbed },
];

const BLOCK: readonly SiteKind<BlockParts, BlockSite>[] = [
  { name: 'hook_resid_pre', axes: STREAM, find: (b) => b.pre },
  { name: 'ln1.hook_scale', axes: SCALE, find: (b) => b.ln1.before.scale },
  { name: 'ln1.hook_normalized', axes: STREAM, find: (b) => b.ln1.before.normalized },
  { name: 'attn.hook_q', axes: QUERY, find: (b) => b.attention.q },
  { name: 'attn.hook_k', axes: KEY, find: (b) => b.attention.k },
  { name: 'attn.hook_v', axes: KEY, find: (b) => b.attention.v },
  { name: 'attn.hook_rot_q', axes: QUERY, find: (b) => b.attention.rotQ },
  { name: 'attn.hook_rot_k', axes: KEY, find: (b) => b.attention.rotK },
  { name: 'attn.hook_attn_scores', axes: PAIRS, find: (b) => b.attention.scores },
  { name: 'attn.hook_pattern', axes: PAIRS, find: (b) => b.attention.pattern },
  { name: 'attn.hook_z', axes: QUERY, find: (b) => b.attention.z },
  { name: 'ln1_post.hook_scale', axes: SCALE, find: (b) => b.ln1Post.scale },
  { name: 'ln1_post.hook_normalized', axes: STREAM, find: (b) => b.ln1Post.normalized },
  { name: 'hook_attn_out', axes: STREAM, find: (b) => b.attnOut },
  { name: 'hook_resid_mid', axes: STREAM, find: (b) => b.mid },
  { name: 'ln1.hook_scale', axes: SCALE, find: (b) => b.ln1.after.scale },
  { name: 'ln1.hook_normalized', axes: STREAM, find: (b) => b.ln1.after.normalized },
  { name: 'hook_mlp_in', axes: STREAM, find: (b) => b.mlpIn },
  { name: 'ln2.hook_scale', axes: SCALE, find: (b) => b.ln2.before.scale },
  { name: 'ln2.hook_normalized', axes: STREAM, find: (b) => b.ln2.before.normalized },
  { name: 'mlp.hook_pre', axes: HIDDEN, find: (b) => b.mlpPre },
  { name: 'mlp.hook_post', axes: HIDDEN, find: (b) => b.mlpPost },
  { name: 'ln2_post.hook_scale', axes: SCALE, find: (b) => b.ln2Post.scale },
  { name: 'ln2_post.hook_normalized', axes: STREAM, find: (b) => b.ln2Post.normalized },
  { name: 'hook_mlp_out', axes: STREAM, find: (b) => b.mlpOut },
  { name: 'hook_resid_sum', axes: STREAM, find: (b) => b.sum },
  { name: 'ln2.hook_scale', axes: SCALE, find: (b) => b.ln2.after.scale },
  { name: 'ln2.hook_normalized', axes: STREAM, find: (b) => b.ln2.after.normalized },
  { name: 'hook_resid_post', axes: STREAM, find: (b) => b.post },
];

const AFTER: readonly SiteKind<ModelParts, OuterSite>[] = [
  { name: 'ln_final.hook_scale', axes: SCALE, find: (m) => m.lnFinal.scale },
  { name: 'ln_final.hook_normalized', axes: STREAM, find: (m) => m.lnFinal.normalized },
];

export interface ModelSites {
  readonly layers: number;
  readonly width: number;
  /** Token ids are at least `firstId` and below `vocab`. */
  readonly firstId: number;
  readonly vocab: number;
  /** Attention heads, of queries and of keys, and the widths of one and of the MLP; null where not known or not equal in all blocks. */
  readonly heads: number | null;
  readonly kvHeads: number | null;
  readonly dHead: number | null;
  readonly dMlp: number | null;
  /** Tokens that fit where a learned position table is visible; null where none is. */
  readonly maxPositions: number | null;
  /** Activations that the model quantises by their own values: then a context's values depend on its batch. */
  readonly dynamicQuantisation: number;
  /** The table whose rows an input of positions picks; null where there is none. */
  readonly positionRows: PositionRows | null;
  /** Which output is the model's result. */
  readonly results: ModelOutputs;
  /** Graph input with token ids. */
  readonly tokenInput: string;
  readonly norm: 'pre' | 'post';
  /** In the order of the model: embedding, then block by block, then the final norm. */
  readonly sites: readonly Site[];
  readonly unresolved: readonly UnresolvedSite[];
  /** The model's own outputs that lie in other axes than [batch, pos, …], as they are to be seen. */
  readonly turnedOutputs: readonly Site[];
  /** Scores that are a multiple of a product of two sites, by names. */
  readonly scoreTies: readonly NamedTie[];
  /** MLPs whose post is one function of their pre, the same at every place, by names. */
  readonly curveTies: readonly NamedCurve[];
}

/** post = f(pre), one f. */
export interface NamedCurve {
  readonly pre: string;
  readonly post: string;
}

/** scores = scale · q · kᵀ + mask, or with the product capped at `cap` by tanh. */
export interface NamedTie {
  readonly scores: string;
  readonly q: string;
  readonly k: string;
  readonly cap: number | null;
}

/** The sites of a model and what its structure tells. @throws InputError for a structure whose stream is not known */
export function resolveSites(model: ModelProto, index: GraphIndex = indexGraph(graphOf(model))): ModelSites {
  const plain = siteGraph(model, index);
  const stream = findResidualStream(plain);
  const graph = followTokens(plain, stream.embedding);
  const found = new SiteList(graph);
  const whole = describeModel(graph, stream);
  const scoreTies: NamedTie[] = [];
  const curveTies: NamedCurve[] = [];
  for (const kind of BEFORE) found.add(kind.name, kind.axes, kind.find(whole));
  stream.blocks.forEach((block, n) => {
    const parts = describeBlock(graph, stream, block);
    const { tie } = parts.attention;
    const at = (name: string): string => `blocks.${n}.${name}`;
    if (tie) scoreTies.push({ scores: at('attn.hook_attn_scores'), q: at(tie.q), k: at(tie.k), cap: tie.cap });
    if (parts.mlpIsCurve) curveTies.push({ pre: at('mlp.hook_pre'), post: at('mlp.hook_post') });
    for (const kind of BLOCK) found.add(`blocks.${n}.${kind.name}`, kind.axes, kind.find(parts));
  });
  for (const kind of AFTER) found.add(kind.name, kind.axes, kind.find(whole));
  const { sites } = found;
  const dynamicQuantisation = countDynamicQuantisation(index.graph);
  const unresolved =
    dynamicQuantisation === 0
      ? found.unresolved
      : found.unresolved.map(({ site, reason }) => ({ site, reason: hiddenByQuantisation(reason) }));
  return {
    layers: stream.blocks.length,
    width: stream.width,
    firstId: stream.embedding.firstId,
    vocab: stream.embedding.vocab,
    heads: commonSize(sites, '.attn.hook_pattern', 1),
    kvHeads: commonSize(sites, '.attn.hook_k', 2),
    dHead: commonSize(sites, '.attn.hook_z', 3),
    dMlp: commonSize(sites, '.mlp.hook_post', 2),
    maxPositions: positionLimit(index, stream.intake),
    dynamicQuantisation,
    positionRows: positionRows(index, stream.intake),
    results: stream.outputs,
    tokenInput: stream.embedding.input,
    norm: stream.norm,
    sites,
    unresolved,
    turnedOutputs: turnedOutputs(graph, stream),
    scoreTies,
    curveTies,
  };
}

function turnedOutputs(graph: LaidGraph, stream: ResidualStream): Site[] {
  const found = new SiteList(graph);
  for (const { name = '' } of graph.index.graph.output)
    found.add(name, ['batch', 'pos', 'last'], describeOutput(graph, stream, name));
  return found.sites.filter(({ view }) => view !== null);
}

class SiteList {
  readonly sites: Site[] = [];
  readonly unresolved: UnresolvedSite[] = [];
  readonly #graph: SiteGraph;

  constructor(graph: SiteGraph) {
    this.#graph = graph;
  }

  add(name: string, axes: readonly string[], found: Found): void {
    if (found === null) return;
    if (typeof found === 'string') {
      this.unresolved.push({ site: name, reason: found });
      return;
    }
    const { tensor, view, sizes, readers = null, readOnly = null } = found;
    if (view !== null && !this.#graph.types.has(tensor)) {
      this.unresolved.push({ site: name, reason: `the element type of "${tensor}" is not known` });
      return;
    }
    const last = sizes.at(-1);
    const varies = axes.at(-1) === 'key_pos';
    if (typeof last !== 'number' && !varies) {
      this.unresolved.push({ site: name, reason: `the size of axis ${axes.at(-1) ?? ''} is not known` });
      return;
    }
    const width = typeof last === 'number' && !varies ? last : 0;
    this.sites.push({ name, tensor, axes, sizes, width, view, readers, readOnly });
  }
}

/** The size of an axis of a kind of site where it is one number in all blocks. */
function commonSize(sites: readonly Site[], kind: string, axis: number): number | null {
  const sizes = new Set(sites.filter(({ name }) => name.endsWith(kind)).map((site) => site.sizes[axis]));
  const [only] = sizes;
  return sizes.size === 1 && typeof only === 'number' ? only : null;
}

/** Numbers that a site has per position, heads joined; null where it is no vector per position (scores, patterns). */
export function storedWidth({ axes, sizes }: Pick<Site, 'axes' | 'sizes'>): number | null {
  if (axes[0] !== 'batch' || axes[1] !== 'pos') return null;
  const rest = sizes.slice(2);
  return rest.every((size) => typeof size === 'number') ? rest.reduce((a, b) => a * b, 1) : null;
}

/**
 * The sites that the patterns name, in the order of `sites`, each once; `*` matches any characters but a dot.
 * `unmatched` holds the patterns that name none.
 */
export function matchSites<S extends { readonly name: string }>(
  patterns: readonly string[],
  sites: readonly S[],
): { readonly sites: S[]; readonly unmatched: string[] } {
  const matchers = patterns.map((pattern) => {
    const expression = sitePattern(pattern);
    return { pattern, matches: (site: S) => expression.test(site.name) };
  });
  return {
    sites: sites.filter((site) => matchers.some(({ matches }) => matches(site))),
    unmatched: matchers.filter(({ matches }) => !sites.some(matches)).map(({ pattern }) => pattern),
  };
}
