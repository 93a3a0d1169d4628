// What the sites of one run must satisfy among themselves, for those that PyTorch's hooks do not give. Every check returns its
// largest relative error, or null where the model lacks one of its sites.
import { largestError } from '../reference.js';
import type { Family } from './table.js';

export interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** A site of the block (or of the model) by its kind; undefined where there is none. */
export type SiteOf = (kind: string) => Tensor | undefined;

type Identity = (site: SiteOf, family: Pick<Family, 'norm' | 'attention'>) => number | null;

/** sum = Σ parts */
function sumError(sum: Tensor | undefined, ...parts: (Tensor | undefined)[]): number | null {
  if (!sum) return null;
  const total = new Float64Array(sum.data.length);
  for (const part of parts) {
    if (!part) return null;
    part.data.forEach((value, i) => (total[i] = (total[i] ?? 0) + value));
  }
  return largestError(sum.data, total);
}

/** Masked places: exporters write −inf, the least float, −1e4 or −1e9. */
const MASKED = -5e3;

/**
 * softmax(scores) row by row; with sinks, part of each row went to a column that has no value: the rows of `pattern` sum to
 * less than 1, and are compared after scaling.
 */
function patternError(scores: Tensor, pattern: Tensor, sinks: boolean): number {
  const width = scores.dims.at(-1) ?? 1;
  const expected = new Float64Array(scores.data.length);
  for (let row = 0; row < scores.data.length / width; row++) {
    const values = scores.data.subarray(row * width, (row + 1) * width);
    const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const exps = Array.from(values, (value) => Math.exp(value - most));
    const kept = pattern.data.subarray(row * width, (row + 1) * width).reduce((a, b) => a + b, 0);
    if (sinks ? kept >= 0.999 : Math.abs(kept - 1) > 1e-5) return Infinity;
    const total = exps.reduce((a, b) => a + b, 0) / (sinks ? kept : 1);
    exps.forEach((exp, key) => (expected[row * width + key] = exp / total));
  }
  return largestError(pattern.data, expected);
}

/** out[b, q, h, :] = Σ_k p[b, h, q, k] · v[b, k, kv(h), :] */
function mix(pattern: Tensor, v: Tensor): Float64Array {
  const [batch = 0, heads = 0, queries = 0, keys = 0] = pattern.dims;
  const [, , kvHeads = 1, width = 0] = v.dims;
  const out = new Float64Array(batch * queries * heads * width);
  const group = heads / kvHeads;
  for (let row = 0; row < batch * heads * queries * keys; row++) {
    const k = row % keys;
    const q = Math.floor(row / keys) % queries;
    const h = Math.floor(row / (keys * queries)) % heads;
    const b = Math.floor(row / (keys * queries * heads));
    const p = pattern.data[row] ?? 0;
    const from = ((b * keys + k) * kvHeads + Math.floor(h / group)) * width;
    const to = ((b * queries + q) * heads + h) * width;
    for (let j = 0; j < width; j++) out[to + j] = (out[to + j] ?? 0) + p * (v.data[from + j] ?? 0);
  }
  return out;
}

/** scores = c · q · kᵀ at unmasked places, for one number c (least squares). */
function productError(scores: Tensor, q: Tensor, k: Tensor): number {
  const [, heads = 0, queries = 0, keys = 0] = scores.dims;
  const [, , kvHeads = 1, width = 0] = k.dims;
  const [seen, products]: [number[], number[]] = [[], []];
  scores.data.forEach((score, i) => {
    if (!(score > MASKED)) return;
    const query = Math.floor(i / keys) % queries;
    const head = Math.floor(i / (keys * queries)) % heads;
    const b = Math.floor(i / (keys * queries * heads));
    const from = ((b * queries + query) * heads + head) * width;
    const to = ((b * keys + (i % keys)) * kvHeads + Math.floor((head * kvHeads) / heads)) * width;
    let product = 0;
    for (let j = 0; j < width; j++) product += (q.data[from + j] ?? 0) * (k.data[to + j] ?? 0);
    seen.push(score);
    products.push(product);
  });
  const dot = (a: number[], b: number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
  const c = dot(seen, products) / dot(products, products);
  return largestError(
    products.map((product) => c * product),
    seen,
  );
}

/** x / √(mean square + 1e-6) along the last axis */
function unitRows({ dims, data }: Tensor): Tensor {
  const width = dims.at(-1) ?? 1;
  const unit = data.map((value, i) => {
    const row = data.subarray(i - (i % width), i - (i % width) + width);
    return value / Math.sqrt(row.reduce((sum, x) => sum + x * x, 0) / width + 1e-6);
  });
  return { dims, data: unit };
}

/**
 * normalized · scale = x − mean (or x), scale² = variance (or mean square) + eps with one eps for all rows, 0 ≤ eps ≤ 1e-3.
 * Both forms are tried: which of them a model uses its sites do not say.
 */
function normError(x: Tensor | undefined, name: string, site: SiteOf): number | null {
  const [scale, normalized] = [site(`${name}.hook_scale`), site(`${name}.hook_normalized`)];
  if (!x || !scale || !normalized) return null;
  const width = x.dims.at(-1) ?? 1;
  const centred = (shift: boolean): number => {
    const expected = new Float64Array(x.data.length);
    const eps: number[] = [];
    for (let row = 0; row < x.data.length / width; row++) {
      const values = x.data.subarray(row * width, (row + 1) * width);
      const mean = shift ? values.reduce((a, b) => a + b, 0) / width : 0;
      const square = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / width;
      const size = scale.data[row] ?? NaN;
      eps.push((size ** 2 - square) / size ** 2);
      values.forEach((v, j) => (expected[row * width + j] = (v - mean) / size));
      if (size ** 2 - square > 1e-3 || size ** 2 - square < -1e-5 * square) return Infinity;
    }
    return largestError(normalized.data, expected);
  };
  return Math.min(centred(true), centred(false));
}

/** The identities of a block, by what they say. */
export const IDENTITIES: Readonly<Record<string, Identity>> = {
  'resid_mid = resid_pre + attn_out': (site) =>
    sumError(site('hook_resid_mid'), site('hook_resid_pre'), site('hook_attn_out')),
  'resid_post = resid_pre + attn_out + mlp_out': (site, { norm }) =>
    norm === 'post'
      ? null
      : sumError(
          ...([site('hook_resid_post'), site('hook_resid_pre')] as const),
          ...[site('hook_attn_out'), site('hook_mlp_out')],
        ),
  'resid_sum = mlp_in + mlp_out': (site) => sumError(site('hook_resid_sum'), site('hook_mlp_in'), site('hook_mlp_out')),
  'mlp_in = resid_mid, or resid_pre where nothing lies between': (site, { norm }) =>
    norm === 'post' ? null : sumError(site('hook_mlp_in'), site('hook_resid_mid') ?? site('hook_resid_pre')),
  'pattern = softmax(scores)': (site, { attention }) => {
    const [scores, pattern] = [site('attn.hook_attn_scores'), site('attn.hook_pattern')];
    return scores && pattern ? patternError(scores, pattern, attention === 'sinks') : null;
  },
  'z = pattern · v': (site) => {
    const [pattern, v, z] = [site('attn.hook_pattern'), site('attn.hook_v'), site('attn.hook_z')];
    return pattern && v && z ? largestError(z.data, mix(pattern, v)) : null;
  },
  'ln1 divides the stream before attention by its scale': (site, { norm }) =>
    normError(site(norm === 'pre' ? 'hook_resid_pre' : 'hook_resid_mid'), 'ln1', site),
  'ln2 divides the stream before the MLP by its scale': (site, { norm }) =>
    normError(site(norm === 'pre' ? 'hook_mlp_in' : 'hook_resid_sum'), 'ln2', site),
  'scores = c · q · kᵀ where no mask lies': (site, { attention }) => {
    if (attention === 'biased') return null;
    const scores = site('attn.hook_attn_scores');
    const q = site('attn.hook_rot_q') ?? site('attn.hook_q');
    const k = site('attn.hook_rot_k') ?? site('attn.hook_k');
    if (!scores || !q || !k) return null;
    return attention === 'normed' ? productError(scores, unitRows(q), unitRows(k)) : productError(scores, q, k);
  },
};
