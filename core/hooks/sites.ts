// The named places of a model, one row per kind. A new kind of site (attention patterns, branch outputs, …) is one more row.
// Values are those of the unprocessed weights: nothing is folded or centred.
import type { GraphProto } from '../onnx/proto.js';
import { indexGraph, type GraphIndex } from '../onnx/graph-index.js';
import { positionLimit } from './position-table.js';
import { findResidualStream, type ResidualStream, type StreamBlock } from './residual-stream.js';

export interface Site {
  /** TransformerLens spelling, e.g. `blocks.2.hook_resid_post`. */
  readonly name: string;
  /** The tensor behind it. */
  readonly tensor: string;
  readonly axes: readonly string[];
  /** Size of the last axis. */
  readonly width: number;
}

interface SiteKind {
  /** The name; `*` stands for the block's number. */
  readonly pattern: string;
  readonly axes: readonly string[];
  /** The tensor in a block (or in the model where the pattern has no `*`); null where the model has no such place. */
  readonly tensor: (block: StreamBlock, stream: ResidualStream) => string | null;
}

const STREAM_AXES = ['batch', 'pos', 'd_model'];

/** `hook_embed` is the table's row itself, before any scaling or norm that a model applies. */
const SITE_KINDS: readonly SiteKind[] = [
  { pattern: 'hook_embed', axes: STREAM_AXES, tensor: (_, stream) => stream.embedding.tensor },
  { pattern: 'blocks.*.hook_resid_pre', axes: STREAM_AXES, tensor: (block) => block.pre },
  { pattern: 'blocks.*.hook_resid_mid', axes: STREAM_AXES, tensor: (block) => block.mid },
  { pattern: 'blocks.*.hook_resid_post', axes: STREAM_AXES, tensor: (block) => block.post },
];

export interface ModelSites {
  readonly layers: number;
  readonly width: number;
  readonly vocab: number;
  /** Tokens that fit where a learned position table is visible; null where none is. */
  readonly maxPositions: number | null;
  /** Graph input with token ids. */
  readonly tokenInput: string;
  readonly norm: 'pre' | 'post';
  /** In the order of the model: embedding, then block by block. */
  readonly sites: readonly Site[];
}

/** The sites of a model and what its structure tells. @throws InputError for a structure that is not known */
export function resolveSites(graph: GraphProto, index: GraphIndex = indexGraph(graph)): ModelSites {
  const stream = findResidualStream(graph, index);
  const { width } = stream;
  const { vocab, input } = stream.embedding;
  const sites: Site[] = [];
  const add = (kind: SiteKind, block: StreamBlock, name: string): void => {
    const tensor = kind.tensor(block, stream);
    const size = tensor === stream.embedding.tensor ? stream.embedding.width : width;
    if (tensor !== null) sites.push({ name, tensor, axes: kind.axes, width: size });
  };
  const perBlock = SITE_KINDS.filter((kind) => kind.pattern.includes('*'));
  stream.blocks.forEach((block, n) => {
    if (n === 0) {
      for (const kind of SITE_KINDS) if (!perBlock.includes(kind)) add(kind, block, kind.pattern);
    }
    for (const kind of perBlock) add(kind, block, kind.pattern.replace('*', String(n)));
  });
  return {
    layers: stream.blocks.length,
    width,
    vocab,
    maxPositions: positionLimit(index, stream.intake),
    tokenInput: input,
    norm: stream.norm,
    sites,
  };
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
    const escaped = pattern.split('*').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const expression = new RegExp(`^${escaped.join('[^.]*')}$`);
    return { pattern, matches: (site: S) => expression.test(site.name) };
  });
  return {
    sites: sites.filter((site) => matchers.some(({ matches }) => matches(site))),
    unmatched: matchers.filter(({ matches }) => !sites.some(matches)).map(({ pattern }) => pattern),
  };
}
