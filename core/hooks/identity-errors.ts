// By how much the values of sites break the equations of identities.ts. NaN where shapes do not fit, which no tolerance allows.

/** Values of a site, [batch, pos, …] row-major as its axes say. */
export interface SiteValue {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

type Given = SiteValue | undefined;

/** max |a − b| / max |b|; 0 where both are all zero. */
function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN;
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const gap = Math.abs((a[i] as number) - (b[i] as number));
    if (Number.isNaN(gap)) return NaN;
    difference = Math.max(difference, gap);
    size = Math.max(size, Math.abs(b[i] as number));
  }
  return difference === 0 ? 0 : difference / size;
}

/** Of left = Σ right. */
export function sumError(left: Given, right: readonly Given[]): number {
  if (left === undefined) return NaN;
  const total = new Float64Array(left.data.length);
  for (const part of right) {
    if (part?.data.length !== total.length) return NaN;
    part.data.forEach((value, i) => (total[i] = (total[i] as number) + value));
  }
  return relativeError(left.data, total);
}

/** Of normalized · scale = x − mean(x) or x (where x is given), and of scale² − mean of its square being one number ≥ 0. */
export function normError(normalized: Given, scale: Given, x?: Given): number {
  const width = normalized?.dims.at(-1) ?? 0;
  if (!normalized || !scale || scale.data.length * width !== normalized.data.length) return NaN;
  const product = normalized.data.map((value, i) => value * (scale.data[Math.floor(i / width)] ?? NaN));
  const read =
    x === undefined ? 0 : Math.min(relativeError(product, x.data), relativeError(product, centre(x.data, width)));
  let [least, most, size] = [Infinity, -Infinity, 0];
  scale.data.forEach((s, row) => {
    let square = 0;
    for (let j = 0; j < width; j++) square += (product[row * width + j] as number) ** 2;
    const eps = s * s - square / width;
    [least, most, size] = [Math.min(least, eps), Math.max(most, eps), Math.max(size, s * s)];
  });
  return Math.max(read, (most - least) / size, -least / size);
}

function centre(x: Float32Array, width: number): Float64Array {
  const result = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += width) {
    const mean = x.subarray(from, from + width).reduce((a, b) => a + b, 0) / width;
    for (let i = from; i < from + width; i++) result[i] = (x[i] as number) - mean;
  }
  return result;
}

/** Of pattern = softmax(scores) by row; rows that all sum to less than 1 share the rest with a sink. */
export function patternError(pattern: Given, scores: Given): number {
  if (pattern?.data.length !== scores?.data.length || !pattern || !scores) return NaN;
  const keys = pattern.dims.at(-1) ?? 0;
  const expected = new Float64Array(pattern.data.length);
  let [fullRows, rows, worst] = [0, 0, 0];
  for (let from = 0; from < expected.length; from += keys) {
    const row = scores.data.subarray(from, from + keys);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const weights = Array.from(row, (score) => Math.exp(score - most));
    const total = weights.reduce((a, b) => a + b, 0);
    const held = pattern.data.subarray(from, from + keys).reduce((a, b) => a + b, 0);
    weights.forEach((weight, j) => (expected[from + j] = (weight / total) * held));
    rows++;
    if (Math.abs(held - 1) <= 1e-3) fullRows++;
    if (!(held <= 1 + 1e-3 && held > 0)) worst = NaN;
  }
  const mixed = fullRows > 0 && fullRows < rows ? NaN : 0;
  return Math.max(relativeError(pattern.data, expected), worst, mixed);
}

/** 0 where later positions have weight in no pattern, or in every one; else 1. */
export function futureError(patterns: readonly SiteValue[]): number {
  const seen = patterns.map(({ data, dims }) => {
    const [queries = 0, keys = 0] = dims.slice(-2);
    return data.some((weight, i) => i % keys > Math.floor(i / keys) % queries && weight !== 0);
  });
  return new Set(seen).size > 1 ? 1 : 0;
}

/** Of z = pattern · v by head, grouped heads repeated one by one or as a whole. */
export function matrixProductError(z: Given, pattern: Given, v: Given): number {
  if (!z || !pattern || !v) return NaN;
  const kinds = [(h: number, r: number) => Math.floor(h / r), (h: number, _: number, kv: number) => h % kv];
  return Math.min(...kinds.map((kvOf) => relativeError(z.data, mixed(pattern, v, kvOf))));
}

/**
 * Of scores = scale · q_h · k_{kv(h)}ᵀ + mask, where the mask is the same for every row: of what one row has more than the next,
 * (s_b − s_c) = scale · (q_b · k_bᵀ − q_c · k_cᵀ) with one scale, relative to the greatest score. Entries that a mask hides, and
 * capped ones close to the cap, are left out. 0 where there is one row.
 */
export function scoresError(scores: Given, [q, k]: readonly [Given, Given], cap: number | null): number {
  if (!scores || !q || !k) return NaN;
  const kinds = [(h: number, r: number) => Math.floor(h / r), (h: number, _: number, kv: number) => h % kv];
  return Math.min(...kinds.map((kvOf) => differenceError(scores, products(scores, [q, k], kvOf), cap)));
}

/** Scores beyond this are those of a mask. */
const MASKED = 1e3;

function differenceError({ data, dims }: SiteValue, made: Float64Array, cap: number | null): number {
  const size = dims.slice(1).reduce((a, b) => a * b, 1);
  const limit = cap === null ? MASKED : 0.9 * cap;
  const open = (i: number): boolean => Math.abs(data[i] as number) < limit;
  const value = (i: number): number =>
    cap === null ? (data[i] as number) : cap * Math.atanh((data[i] as number) / cap);
  const pairs: [difference: number, product: number][] = [];
  let largest = 0;
  for (let i = 0; i + size < data.length; i++) {
    if (!open(i) || !open(i + size)) continue;
    pairs.push([value(i) - value(i + size), (made[i] as number) - (made[i + size] as number)]);
    largest = Math.max(largest, Math.abs(value(i)), Math.abs(value(i + size)));
  }
  const [both, square] = pairs.reduce(([a, b], [d, p]) => [a + d * p, b + p * p], [0, 0]);
  const scale = square === 0 ? 0 : both / square;
  const worst = pairs.reduce((most, [d, p]) => Math.max(most, Math.abs(d - scale * p)), 0);
  return worst === 0 ? 0 : worst / largest;
}

/** q · kᵀ in the places of the scores. */
function products(
  { dims }: SiteValue,
  [q, k]: readonly [SiteValue, SiteValue],
  kvOf: (head: number, repeats: number, kvHeads: number) => number,
): Float64Array {
  const [batch = 0, heads = 0, queries = 0, keys = 0] = dims;
  const [, qPos = 0, , width = 0] = q.dims;
  const [, kPos = 0, kvHeads = 1] = k.dims;
  const result = new Float64Array(batch * heads * queries * keys);
  for (let i = 0; i < result.length; i++) {
    const [key, query] = [i % keys, Math.floor(i / keys) % queries];
    const [head, row] = [Math.floor(i / (keys * queries)) % heads, Math.floor(i / (keys * queries * heads))];
    const left = ((row * qPos + query) * heads + head) * width;
    const right = ((row * kPos + key) * kvHeads + kvOf(head, heads / kvHeads, kvHeads)) * width;
    let sum = 0;
    for (let j = 0; j < width; j++) sum += (q.data[left + j] as number) * (k.data[right + j] as number);
    result[i] = sum;
  }
  return result;
}

/** How often its range a non-linearity runs through at most: once and a few dips. Values that are no function of pre run it again at every place. */
const MOST_RANGES = 5;

/**
 * Of post = f(pre) with one f: what post runs through in the order of pre, in units of its range; 0 where that is as little as a
 * function of one number does.
 */
export function curveError(post: Given, pre: Given): number {
  if (!post || !pre || post.data.length !== pre.data.length) return NaN;
  const order = Uint32Array.from(pre.data, (_, i) => i).sort(
    (a, b) => (pre.data[a] as number) - (pre.data[b] as number),
  );
  let [way, least, most] = [0, Infinity, -Infinity];
  order.forEach((at, i) => {
    const value = post.data[at] as number;
    [least, most] = [Math.min(least, value), Math.max(most, value)];
    if (i > 0) way += Math.abs(value - (post.data[order[i - 1] as number] as number));
  });
  const ranges = way === 0 ? 0 : way / (most - least);
  return ranges <= MOST_RANGES ? 0 : ranges;
}

function mixed(
  pattern: SiteValue,
  v: SiteValue,
  kvOf: (head: number, repeats: number, kvHeads: number) => number,
): Float64Array {
  const [batch = 0, heads = 0, queries = 0, keys = 0] = pattern.dims;
  const [, pos = 0, kvHeads = 1, width = 0] = v.dims;
  const result = new Float64Array(batch * queries * heads * width);
  for (let i = 0; i < batch * heads * queries * keys; i++) {
    const [key, query] = [i % keys, Math.floor(i / keys) % queries];
    const [head, row] = [Math.floor(i / (keys * queries)) % heads, Math.floor(i / (keys * queries * heads))];
    const weight = pattern.data[i] as number;
    const from = ((row * pos + key) * kvHeads + kvOf(head, heads / kvHeads, kvHeads)) * width;
    const to = ((row * queries + query) * heads + head) * width;
    for (let j = 0; j < width; j++) result[to + j] = (result[to + j] as number) + weight * (v.data[from + j] as number);
  }
  return result;
}
