// Attention as graph nodes, every site a tensor of its own: queries, keys and values [batch, seq, head, d_head] before and after
// rotation, scores and pattern [batch, head, query, key], z [batch, seq, head, d_head].
//
//   scores = cap(scale · q kᵀ) + mask,  pattern = softmax(scores),  z = pattern v        Vaswani et al. 2017
//   mask = 0 where the key is not after the query and within the window, else the lowest float32
//   rotary: q' = q ∘ cos + (−q_2, q_1) ∘ sin over halves (q_1, q_2) of the coordinates that turn     Su et al. 2021
//   grouped heads: key and value head j serve queries j · groups … (j + 1) · groups − 1
import type { GraphBuilder } from '../onnx/builder.js';
import { makeTensor } from '../onnx/make.js';
import type { Dim, Value } from '../onnx/shape.js';
import type { LayerSpec, Rotary } from './decoder-spec.js';
import type { BlockRows, ProjectionRows } from './decoder-tensors.js';
import { buildCap, buildLinear, buildRmsNorm, type Writing } from './parts.js';
import type { Sites } from './site-recorder.js';

/** Most negative float32: added to a score, it leaves nothing of it after the softmax. */
const LOWEST = -3.4028234663852886e38;

/** Positions and what is made of them, once for all layers. */
export class PositionParts {
  readonly #g: GraphBuilder;
  readonly #seq: Dim;
  /** 0 … seq − 1 [seq] int64. */
  readonly positions: Value;
  readonly #masks = new Map<number | null, Value>();
  readonly #tables = new Map<Rotary, RotaryTables>();

  /** @param ids [batch, seq] */
  constructor(g: GraphBuilder, ids: Value) {
    this.#g = g;
    this.#seq = ids.shape?.[1] ?? 'seq';
    const length = g.op('Shape', [ids], { attributes: { start: 1, end: 2 } });
    const count = g.op('Squeeze', [length, g.integers(0)]);
    const shape = [this.#seq];
    this.positions = g.op('Range', [g.integer(0), count, g.integer(1)], { name: 'positions', shape });
  }

  /** What is added to scores [.., query, key]. */
  mask(window: number | null): Value {
    const known = this.#masks.get(window);
    if (known) return known;
    const g = this.#g;
    const keys = this.positions;
    const queries = g.op('Unsqueeze', [keys, g.integers(1)]);
    const before = g.op('LessOrEqual', [keys, queries]);
    const seen = window === null ? before : g.op('And', [before, this.#within(queries, window)]);
    const name = window === null ? 'causal_mask' : `window_${window}_mask`;
    const mask = g.op('Where', [seen, g.scalar(0), g.scalar(LOWEST)], { name });
    this.#masks.set(window, mask);
    return mask;
  }

  /** Keys less than `window` positions before the query. */
  #within(queries: Value, window: number): Value {
    const g = this.#g;
    return g.op('Greater', [this.positions, g.op('Sub', [queries, g.integer(window)])]);
  }

  /** cos and sin [seq, 1, width] of the angles. */
  rotary(rotary: Rotary): RotaryTables {
    const known = this.#tables.get(rotary);
    if (known) return known;
    const g = this.#g;
    const data = Float32Array.from(rotary.frequencies);
    const dims = [1, data.length];
    const frequencies = g.initializer(makeTensor(g.fresh('rotary_frequencies'), { dims, data }));
    const floats = g.op('Cast', [this.positions], { attributes: { to: 1 } });
    const half = g.op('Mul', [g.op('Unsqueeze', [floats, g.integers(1)]), frequencies]);
    const both = g.op('Concat', [half, half], { attributes: { axis: -1 } });
    const angles = g.op('Unsqueeze', [both, g.integers(1)], {
      shape: [this.#seq, 1, rotary.width],
    });
    const table = (operator: 'Cos' | 'Sin'): Value => {
      const plain = g.op(operator, [angles]);
      return rotary.scale === 1 ? plain : g.op('Mul', [plain, g.scalar(rotary.scale)]);
    };
    const tables = { width: rotary.width, cos: table('Cos'), sin: table('Sin') };
    this.#tables.set(rotary, tables);
    return tables;
  }
}

interface RotaryTables {
  readonly width: number;
  readonly cos: Value;
  readonly sin: Value;
}

export interface AttentionPart {
  readonly x: Value;
  readonly rows: BlockRows;
  readonly layer: LayerSpec;
  readonly parts: PositionParts;
  readonly sites: Sites;
}

/** What attention makes of a normed stream: rows [batch · seq, d_model]. */
export function buildAttention(writing: Writing, part: AttentionPart): Value {
  const { g, spec } = writing;
  const { rows, layer, parts, sites } = part;
  const projected = buildProjections(writing, part.x, { projection: rows.projection, sites });
  const { q, k } = buildHeads(writing, projected, part);
  const turned = (x: Value, perm: readonly number[]): Value => g.op('Transpose', [x], { attributes: { perm } });
  const keys = repeated(writing, turned(k, [0, 2, 3, 1]), 3);
  const values = repeated(writing, turned(projected.v, [0, 2, 1, 3]), 2);
  const products = g.op('MatMul', [turned(q, [0, 2, 1, 3]), keys]);
  const scaled = layer.scoreScale === 1 ? products : g.op('Mul', [products, g.scalar(layer.scoreScale)]);
  const capped = buildCap(g, scaled, spec.scoreCap);
  const scores = g.op('Add', [capped, parts.mask(layer.window)], sites.named('attn.hook_attn_scores'));
  const pattern = g.op('Softmax', [scores], {
    ...sites.named('attn.hook_pattern'),
    attributes: { axis: -1 },
  });
  const z = g.op('Transpose', [g.op('MatMul', [pattern, values])], {
    ...sites.named('attn.hook_z'),
    attributes: { perm: [0, 2, 1, 3] },
  });
  const joined = g.op('Reshape', [z, g.integers(-1, spec.heads * spec.headWidth)]);
  return buildLinear(writing, joined, rows.output);
}

interface Heads {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

/** Queries, keys and values by head [batch, seq, head, d_head]. */
function buildProjections(
  writing: Writing,
  x: Value,
  { projection, sites }: { readonly projection: ProjectionRows; readonly sites: Sites },
): Heads {
  const { g, spec, over } = writing;
  const { heads, keyValueHeads, headWidth } = spec;
  const names = ['q', 'k', 'v'].map((one) => sites.named(`attn.hook_${one}`).name);
  if (projection.kind === 'separate') {
    const counts = [heads, keyValueHeads, keyValueHeads];
    const [q, k, v] = (['q', 'k', 'v'] as const).map((one, i) =>
      g.op('Reshape', [buildLinear(writing, x, projection[one]), over(counts[i] as number, headWidth)], {
        name: names[i] as string,
      }),
    );
    return { q, k, v } as Heads;
  }
  const joined = buildLinear(writing, x, projection.qkv);
  const byHead = projection.kind === 'heads' ? over(heads, 3 * headWidth) : over(3 * heads, headWidth);
  const [q, k, v] = g.ops('Split', [g.op('Reshape', [joined, byHead])], {
    outputs: names,
    attributes: { axis: projection.kind === 'heads' ? 3 : 2, num_outputs: 3 },
  });
  return { q, k, v } as Heads;
}

/** Queries and keys as the scores multiply them: normed by head and rotated, where the model does so. */
function buildHeads(
  writing: Writing,
  { q, k }: Pick<Heads, 'q' | 'k'>,
  { rows, layer, parts, sites }: AttentionPart,
): Pick<Heads, 'q' | 'k'> {
  const { queryNorm, keyNorm } = rows;
  const normed = {
    q: queryNorm ? buildRmsNorm(writing, q, { gain: queryNorm.gain }) : q,
    k: keyNorm ? buildRmsNorm(writing, k, { gain: keyNorm.gain }) : k,
  };
  if (layer.rotary === null) return normed;
  const tables = parts.rotary(layer.rotary);
  return {
    q: rotated(writing, normed.q, { tables, ...sites.named('attn.hook_rot_q') }),
    k: rotated(writing, normed.k, { tables, ...sites.named('attn.hook_rot_k') }),
  };
}

function rotated(
  { g, spec }: Writing,
  x: Value,
  { tables, name }: { readonly tables: RotaryTables; readonly name: string },
): Value {
  const { width, cos, sin } = tables;
  const rest = spec.headWidth - width;
  const axis = { axis: -1 };
  const split = rest === 0 ? [x] : g.ops('Split', [x, g.integers(width, rest)], { outputs: 2, attributes: axis });
  const [turning, still] = split as [Value, Value | undefined];
  const halves = g.ops('Split', [turning], { outputs: 2, attributes: { ...axis, num_outputs: 2 } });
  const [first, second] = halves as [Value, Value];
  const across = g.op('Concat', [g.op('Neg', [second]), first], { attributes: axis });
  const terms = [g.op('Mul', [turning, cos]), g.op('Mul', [across, sin])];
  if (still === undefined) return g.op('Add', terms, { name });
  return g.op('Concat', [g.op('Add', terms), still], { name, attributes: axis });
}

/** Each key-value head for all queries that it serves; `seq` is the axis that holds positions. */
function repeated({ g, spec }: Writing, x: Value, seq: 2 | 3): Value {
  const { heads, keyValueHeads, headWidth } = spec;
  const groups = heads / keyValueHeads;
  if (groups === 1) return x;
  const apart = g.op('Unsqueeze', [x, g.integers(2)]);
  const wide = g.op('Expand', [apart, g.integers(1, 1, groups, 1, 1)]);
  const shape = seq === 2 ? [0, heads, -1, headWidth] : [0, heads, headWidth, -1];
  return g.op('Reshape', [wide, g.integers(...shape)]);
}
