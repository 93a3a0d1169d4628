// Small transformers made by hand, each part replaceable: the forms that a resolver must know or refuse. And their values.
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { cutToTensors } from '../../../../core/onnx/cut.js';
import { readSites } from '../../../../core/hooks/read.js';
import { resolveSites, type Site } from '../../../../core/hooks/sites.js';
import type { SiteValue } from '../../../../core/hooks/identity-errors.js';
import { makeTensor } from '../../../../core/onnx/make.js';
import type { ModelProto } from '../../../../core/onnx/proto.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { Session, type Optimisation } from '../../../../runtime/session.js';

export const WIDTH = 8;
export const HEADS = 2;
export const D_HEAD = 4;
export const D_MLP = 12;
export const VOCAB = 16;

type Unary = (g: GraphBuilder, x: Value) => Value;

export interface Parts {
  readonly layers?: number;
  /** Norm before a branch, and before the output. */
  readonly norm?: Unary;
  /** Queries, keys, values [batch, pos, head, d_head] to what the branch adds; or all of it. */
  readonly attention?: (g: GraphBuilder, x: Value) => Value;
  readonly mlp?: Unary;
  /** x and both branches of it; by default one after the other. */
  readonly block?: (g: GraphBuilder, x: Value, parts: Required<Omit<Parts, 'block'>>) => Value;
}

/** A decoder over `input_ids` [batch, seq] with `logits`. */
export function transformer(parts: Parts = {}): ModelProto {
  const { layers = 2, norm = layerNorm, attention = plainAttention, mlp = plainMlp } = parts;
  const g = new GraphBuilder('hand-made');
  const ids = g.input('input_ids', 'int64', ['batch', 'seq']);
  let x = g.op('Gather', [weight(g, VOCAB, WIDTH), ids]);
  for (let n = 0; n < layers; n++) {
    if (parts.block) {
      x = parts.block(g, x, { layers, norm, attention, mlp });
      continue;
    }
    x = g.op('Add', [x, attention(g, norm(g, x))]);
    x = g.op('Add', [x, mlp(g, norm(g, x))]);
  }
  g.output(project(g, norm(g, x), VOCAB), 'logits');
  return g.toModel();
}

let seed = 0;
/** A stored matrix or vector of different numbers. */
export function weight(g: GraphBuilder, ...dims: number[]): Value {
  const count = dims.reduce((a, b) => a * b, 1);
  seed++;
  const data = Float32Array.from({ length: count }, (_, i) => Math.sin(seed * 3.1 + i * 1.7) * 0.5);
  return g.initializer(makeTensor(g.fresh('weight'), { dims, data }));
}

/** x W + b */
export function project(g: GraphBuilder, x: Value, width: number): Value {
  const from = x.shape?.at(-1);
  const product = g.op('MatMul', [x, weight(g, typeof from === 'number' ? from : WIDTH, width)]);
  return g.op('Add', [product, weight(g, width)]);
}

export function layerNorm(g: GraphBuilder, x: Value): Value {
  return g.op('LayerNormalization', [x, weight(g, WIDTH), weight(g, WIDTH)], {
    attributes: { axis: -1, epsilon: { f: 1e-3 } },
  });
}

/** [batch, pos, head·d] as [batch, head, pos, d]. */
export function split(g: GraphBuilder, x: Value, heads = HEADS): Value {
  const shown = g.op('Reshape', [x, g.integers(0, 0, heads, D_HEAD)]);
  return g.op('Transpose', [shown], { attributes: { perm: [0, 2, 1, 3] } });
}

/** z [batch, head, pos, d] projected back to the stream's width. */
export function merge(g: GraphBuilder, z: Value): Value {
  const turned = g.op('Transpose', [z], { attributes: { perm: [0, 2, 1, 3] } });
  return project(g, g.op('Reshape', [turned, g.integers(0, 0, HEADS * D_HEAD)]), WIDTH);
}

/** q kᵀ / 2 */
export function scoresOf(g: GraphBuilder, q: Value, k: Value): Value {
  const turned = g.op('Transpose', [k], { attributes: { perm: [0, 1, 3, 2] } });
  return g.op('Mul', [g.op('MatMul', [q, turned]), g.scalar(0.5)]);
}

export function plainAttention(g: GraphBuilder, x: Value): Value {
  const [q, k, v] = ['q', 'k', 'v'].map(() => split(g, project(g, x, WIDTH))) as [Value, Value, Value];
  const pattern = g.op('Softmax', [scoresOf(g, q, k)], { attributes: { axis: -1 } });
  return merge(g, g.op('MatMul', [pattern, v]));
}

/** Attention with one thing other than usual between scores and pattern. */
export function attentionWith(change: {
  readonly scores?: Unary;
  readonly pattern?: Unary;
}): (g: GraphBuilder, x: Value) => Value {
  return (g, x) => {
    const [q, k, v] = ['q', 'k', 'v'].map(() => split(g, project(g, x, WIDTH))) as [Value, Value, Value];
    const scores = (change.scores ?? ((_, s) => s))(g, scoresOf(g, q, k));
    const softmax = g.op('Softmax', [scores], { attributes: { axis: -1 } });
    return merge(g, g.op('MatMul', [(change.pattern ?? ((_, p) => p))(g, softmax), v]));
  };
}

export function plainMlp(g: GraphBuilder, x: Value): Value {
  return project(g, g.op('Relu', [project(g, x, D_MLP)]), WIDTH);
}

/** The sites of a model by name. */
export function sitesOf(model: ModelProto): ReadonlyMap<string, Site> {
  return new Map(resolveSites(model).sites.map((site) => [site.name, site]));
}

/** Why each missing site of block 0 is missing. */
export function reasonsOf(model: ModelProto): Record<string, string> {
  const { unresolved } = resolveSites(model);
  const own = unresolved.filter(({ site }) => !site.startsWith('blocks.1.'));
  return Object.fromEntries(own.map(({ site, reason }) => [site.replace('blocks.0.', ''), reason]));
}

/** Values of sites (and of `logits`) for two rows of five ids. */
export async function valuesOf(
  model: ModelProto,
  sites: readonly Site[],
  optimisation: Optimisation = 'disabled',
): Promise<ReadonlyMap<string, SiteValue>> {
  const read = readSites(model, sites);
  const wanted = [...read.tensors, 'logits'];
  const cut = cutToTensors(
    read.model,
    wanted.map((tensor) => ({ tensor })),
  );
  const settings = { provider: 'cpu', threads: 1, optimisation } as const;
  const session = await Session.create(joinChunks(encodeModel(cut.model)), settings);
  try {
    const ids = BigInt64Array.from({ length: 10 }, (_, i) => BigInt((i * 7 + 3) % VOCAB));
    const ones = new BigInt64Array(10).fill(1n);
    const feeds = session.inputs.map(
      (name) => [name, { dtype: 'int64', dims: [2, 5], data: name === 'input_ids' ? ids : ones }] as const,
    );
    const results = await session.run(Object.fromEntries(feeds), [...new Set(wanted)]);
    const names = [...sites.map((site) => site.name), 'logits'];
    return new Map(names.map((name, i) => [name, results[wanted[i] ?? ''] as SiteValue]));
  } finally {
    await session.release();
  }
}

/** max |a − b| / max |b| */
export function relativeError(a: SiteValue | undefined, b: SiteValue | undefined): number {
  if (!a || a.data.length !== b?.data.length) return NaN;
  let [difference, size] = [0, 0];
  b.data.forEach((value, i) => {
    difference = Math.max(difference, Math.abs((a.data[i] as number) - value));
    size = Math.max(size, Math.abs(value));
  });
  return difference === 0 ? 0 : difference / size;
}
