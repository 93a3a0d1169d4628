// Writes the inference graph of a decoder: `input_ids` [batch, seq] int64 → `logits` [batch, seq, vocabulary]. Weights are
// references into the files that store them; those not in float32 pass a Cast. Tensors bear the names of the sites that they are.
// There is no attention mask: contexts of equal length are batched, so that nothing is ever padded.
import { GraphBuilder } from '../onnx/builder.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import { makeExternalTensor } from '../onnx/make.js';
import type { ModelProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { buildAttention, PositionParts } from './attention.js';
import type { BlockRows, TensorRow } from './decoder-tensors.js';
import type { Decoder } from './family.js';
import { WEIGHT_TYPES, type MatchedTensor } from './match-tensors.js';
import { buildActivation, buildCap, buildLinear, buildNorm, type Writing } from './parts.js';
import { SiteRecorder, sitesBelow, type Naming, type Sites } from './site-recorder.js';

export interface WrittenDecoder {
  readonly model: ModelProto;
  /** The tensor that each site is, by construction. */
  readonly sites: ReadonlyMap<string, string>;
}

/**
 * The graph of a decoder over its stored tensors.
 * @param tensors every row of the decoder by name, of the row's shape
 */
export function writeDecoder({ spec, rows }: Decoder, tensors: ReadonlyMap<string, MatchedTensor>): WrittenDecoder {
  const g = new GraphBuilder('decoder');
  const ids = g.input('input_ids', 'int64', ['batch', 'seq']);
  const recorder = new SiteRecorder();
  const sites = sitesBelow(recorder, '');
  const writing: Writing = { g, spec, weight: weightReader(g, tensors), over: shapes(g, ids) };
  const parts = new PositionParts(g, ids);
  const embedded = g.op('Gather', [writing.weight(rows.embedding), ids], sites.named('hook_embed'));
  let x = buildIntake(writing, embedded, { positions: rows.positions, parts, sites });
  rows.blocks.forEach((block, n) => {
    const own = sitesBelow(recorder, `blocks.${n}.`);
    own.same('hook_resid_pre', x.name);
    x = buildBlock(writing, x, { rows: block, n, parts, sites: own });
  });
  const hidden = buildNorm(writing, x, { rows: rows.lnFinal, name: 'ln_final', sites });
  const weight = rows.unembedding ?? rows.embedding;
  const product = buildLinear(writing, hidden, { weight, bias: null, layout: 'out-in' });
  const logits = g.op('Reshape', [product, writing.over(spec.vocabulary)]);
  g.output(buildCap(g, logits, spec.logitCap), 'logits');
  return { model: g.toModel(), sites: recorder.tensors };
}

/** A stored tensor in float32, each once. */
function weightReader(g: GraphBuilder, tensors: ReadonlyMap<string, MatchedTensor>): (row: TensorRow) => Value {
  const known = new Map<string, Value>();
  return ({ name, shape }) => {
    const made = known.get(name);
    if (made) return made;
    const { dtype, file, offset, bytes } = tensors.get(name) as MatchedTensor;
    const at = { dtype: WEIGHT_TYPES[dtype], location: file, offset, length: bytes };
    const stored = g.initializer(makeExternalTensor(name, shape, at));
    const value =
      stored.dtype === 'float32'
        ? stored
        : g.op('Cast', [stored], {
            name: `${name}/float32`,
            attributes: { to: DATA_TYPE.float32 },
          });
    known.set(name, value);
    return value;
  };
}

/** Targets of Reshapes to [batch, seq, ...tail], each made once. */
function shapes(g: GraphBuilder, ids: Value): Writing['over'] {
  const known = new Map<string, Value>();
  const lead = g.op('Shape', [ids]);
  return (...tail) => {
    const key = tail.join(' ');
    const made = known.get(key) ?? g.op('Concat', [lead, g.integers(...tail)], { attributes: { axis: 0 } });
    known.set(key, made);
    return made;
  };
}

interface Intake {
  readonly positions: TensorRow | null;
  readonly parts: PositionParts;
  readonly sites: Sites;
}

/** The stream before the first block. */
function buildIntake({ g, spec, weight }: Writing, embedded: Value, intake: Intake): Value {
  const { positions, parts, sites } = intake;
  const { embeddingScale } = spec;
  const scaled = embeddingScale === 1 ? embedded : g.op('Mul', [embedded, g.scalar(embeddingScale)]);
  if (positions === null) return scaled;
  const rows = g.op('Gather', [weight(positions), parts.positions], sites.named('hook_pos_embed'));
  return g.op('Add', [scaled, rows]);
}

interface Block {
  readonly rows: BlockRows;
  readonly n: number;
  readonly parts: PositionParts;
  readonly sites: Sites;
}

function buildBlock(writing: Writing, x: Value, { rows, n, parts, sites }: Block): Value {
  const { g, spec } = writing;
  const layer = spec.layers[n] as (typeof spec.layers)[number];
  const normed = buildNorm(writing, x, { rows: rows.ln1, name: 'ln1', sites });
  const attended = buildAttention(writing, { x: normed, rows, layer, parts, sites });
  const attention = branchOut(writing, attended, {
    post: rows.ln1Post,
    name: 'ln1_post',
    site: 'hook_attn_out',
    sites,
  });
  const mid = spec.parallel ? x : g.op('Add', [x, attention], sites.named('hook_resid_mid'));
  sites.same('hook_mlp_in', mid.name);
  const from = buildNorm(writing, mid, { rows: rows.ln2, name: 'ln2', sites });
  const mapped = buildMlp(writing, from, { rows: rows.mlp, sites });
  const mlp = branchOut(writing, mapped, { post: rows.ln2Post, name: 'ln2_post', site: 'hook_mlp_out', sites });
  if (!spec.parallel) return g.op('Add', [mid, mlp], sites.named('hook_resid_post'));
  return g.op('Add', [g.op('Add', [mlp, attention]), x], sites.named('hook_resid_post'));
}

interface BranchEnd {
  readonly post: BlockRows['ln1Post'];
  readonly name: string;
  readonly site: string;
  readonly sites: Sites;
}

/** What a branch adds to the stream [batch, seq, d_model], normed where the model does so. */
function branchOut(writing: Writing, rows: Value, { post, name, site, sites }: BranchEnd): Value {
  const { g, spec, over } = writing;
  if (post === null) return g.op('Reshape', [rows, over(spec.width)], sites.named(site));
  const made = g.op('Reshape', [rows, over(spec.width)]);
  const normed = buildNorm(writing, made, { rows: post, name, sites });
  sites.same(site, normed.name);
  return normed;
}

function buildMlp(
  writing: Writing,
  x: Value,
  { rows, sites }: { readonly rows: BlockRows['mlp']; readonly sites: Sites },
): Value {
  const { g, spec, over } = writing;
  const pre = sites.named('mlp.hook_pre');
  const map = (row: typeof rows.up, options: Naming = {}): Value =>
    g.op('Reshape', [buildLinear(writing, x, row), over(spec.mlpWidth)], options);
  const bent = buildActivation(g, spec.activation, map(rows.kind === 'gated' ? rows.gate : rows.up, pre));
  if (rows.kind === 'plain') {
    sites.same('mlp.hook_post', bent.name);
    return buildLinear(writing, bent, rows.down);
  }
  const post = g.op('Mul', [bent, map(rows.up)], sites.named('mlp.hook_post'));
  return buildLinear(writing, post, rows.down);
}
