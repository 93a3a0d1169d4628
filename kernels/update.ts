// Gradients of rows and Adam's step over them, one row at a time while it lies in the cache.
//
//   G = Σ_p weight_p rows[row_p] + given_t + along_t W      unit rows: G ← G − (G · W) W
//   g = clip G;  m ← β1 m + (1 − β1) g;  v ← β2 v + (1 − β2) g²
//   W ← W − (m rate) / (√v correction + ε);  unit rows: W ← W / ‖W‖
//
// With β1 = 0 no m is kept (m = g), and a row that nothing touched stays: v ← β2^Δ v when it is touched next, Δ the steps since.
import { lanes, sumPairs, dot } from './products';
import { quantiseRow } from './quantise';

/** What an update does to a row. */
const UNIT: u32 = 1;
/** One second moment per row: v of the mean of g². */
const ROW_MOMENT: u32 = 2;
/** β1 = 0: no first moment. */
const NO_MOMENTUM: u32 = 4;
/** The moved row is written as bytes too, while it lies in the cache: see `setBytes`. */
const QUANTISE: u32 = 8;

let beta1: f32 = 0, keep1: f32 = 0, beta2: f32 = 0, keep2: f32 = 0, epsilon: f32 = 0, rate: f32 = 0, correction: f32 = 0;
let clip: f32 = 1;
let rowBytes: usize = 0, rowScales: usize = 0;

/** Where rows are written as bytes, q + 128, and their scales (kernels/quantise.ts). */
export function setBytes(bytes: usize, scales: usize): void {
  rowBytes = bytes;
  rowScales = scales;
}

/** Adam's numbers of this step: β, 1 − β, ε, rate = lr / (1 − β1^t), correction = 1 / √(1 − β2^t). */
export function setAdam(b1: f32, k1: f32, b2: f32, k2: f32, e: f32, r: f32, c: f32): void {
  beta1 = b1;
  keep1 = k1;
  beta2 = b2;
  keep2 = k2;
  epsilon = e;
  rate = r;
  correction = c;
}

/** What gradients are multiplied by. */
export function setClip(factor: f32): void {
  clip = factor;
}

/**
 * Σ ‖G‖² of touched rows after projection, without any step. `scratch` [stride]. `along` f32 [T, sites] times the row's own
 * weights is added, site by site, whose columns end at `bounds` u32 [sites]; no sites, none. Row `places`_t of `given`
 * [·, stride] is added too, where it is not below 0; `given` 0: none.
 */
export function gradientRows(
  count: u32, touched: usize, starts: usize, row: usize, weight: usize, matrix: usize, given: usize, places: usize,
  along: usize, bounds: usize, sites: u32,
  weights: usize, stride: u32, flags: u32, scratch: usize,
): f64 {
  const bytes = (stride as usize) << 2;
  let squares: f64 = 0;
  for (let t: u32 = 0; t < count; t++) {
    const place = (t as usize) << 2;
    const own = weights + (load<u32>(touched + place) as usize) * bytes;
    sumPairs(load<u32>(starts + place), load<u32>(starts + place + 4), row, weight, matrix, stride, scratch);
    if (given != 0) {
      const at = load<i32>(places + place);
      if (at >= 0) addRow(scratch, given + (at as usize) * bytes, bytes);
    }
    if (sites != 0) addAlong(scratch, own, along + (((t * sites) as usize) << 2), bounds, sites);
    if (flags & UNIT) project(scratch, own, bytes);
    squares += dot(scratch, scratch, bytes) as f64;
  }
  return squares;
}

@inline
function addRow(target: usize, source: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16)
    v128.store(target + at, f32x4.add(v128.load(target + at), v128.load(source + at)));
}

@inline
function addAlong(target: usize, own: usize, along: usize, bounds: usize, sites: u32): void {
  let at: usize = 0;
  for (let s: u32 = 0; s < sites; s++) {
    const end = (load<u32>(bounds + ((s as usize) << 2)) as usize) << 2;
    const factor = f32x4.splat(load<f32>(along + ((s as usize) << 2)));
    for (; at < end; at += 16)
      v128.store(target + at, f32x4.add(v128.load(target + at), f32x4.mul(factor, v128.load(own + at))));
  }
}

@inline
function project(gradient: usize, row: usize, bytes: usize): void {
  const along = f32x4.splat(dot(gradient, row, bytes));
  for (let at: usize = 0; at < bytes; at += 16)
    v128.store(gradient + at, f32x4.sub(v128.load(gradient + at), f32x4.mul(along, v128.load(row + at))));
}

/** Gradient and step of touched rows at once, where no norm is needed first. `decay` f32 [T]: β2^Δ, or 0 for β2. @returns Σ ‖G‖² */
export function updateRows(
  count: u32, touched: usize, starts: usize, row: usize, weight: usize, matrix: usize, given: usize, places: usize,
  along: usize, bounds: usize, sites: u32,
  weights: usize, m: usize, v: usize, decay: usize, stride: u32, width: u32, flags: u32, scratch: usize,
): f64 {
  const bytes = (stride as usize) << 2;
  let squares: f64 = 0;
  for (let t: u32 = 0; t < count; t++) {
    const place = (t as usize) << 2;
    const feature = load<u32>(touched + place) as usize;
    const own = weights + feature * bytes;
    sumPairs(load<u32>(starts + place), load<u32>(starts + place + 4), row, weight, matrix, stride, scratch);
    if (given != 0) {
      const at = load<i32>(places + place);
      if (at >= 0) addRow(scratch, given + (at as usize) * bytes, bytes);
    }
    if (sites != 0) addAlong(scratch, own, along + (((t * sites) as usize) << 2), bounds, sites);
    if (flags & UNIT) project(scratch, own, bytes);
    squares += dot(scratch, scratch, bytes) as f64;
    const fall = decay != 0 ? load<f32>(decay + place) : beta2;
    const first = flags & NO_MOMENTUM ? 0 : m + feature * bytes;
    const second = flags & ROW_MOMENT ? v + (feature << 2) : v + feature * bytes;
    moveRow(own, scratch, first, second, fall, bytes, width, flags);
    if (flags & QUANTISE) quantiseRow(own, stride, rowBytes + feature * stride, rowScales + (feature << 2), 128);
  }
  return squares;
}

/** The step of rows that nothing touched: their gradient is 0. `marks` u8 [F] is 1 for touched rows. `zero` [stride] holds 0. */
export function coastRows(
  features: u32, marks: usize, weights: usize, m: usize, v: usize, stride: u32, width: u32, flags: u32, zero: usize,
): void {
  const bytes = (stride as usize) << 2;
  for (let f: u32 = 0; f < features; f++) {
    if (load<u8>(marks + f) != 0) continue;
    const at = (f as usize) * bytes;
    const second = flags & ROW_MOMENT ? v + ((f as usize) << 2) : v + at;
    moveRow(weights + at, zero, m + at, second, beta2, bytes, width, flags);
    if (flags & QUANTISE)
      quantiseRow(weights + at, stride, rowBytes + (f as usize) * stride, rowScales + ((f as usize) << 2), 128);
  }
}

@inline
function moveRow(
  own: usize, gradient: usize, m: usize, v: usize, fall: f32, bytes: usize, width: u32, flags: u32,
): void {
  let common: f32 = 0;
  if (flags & ROW_MOMENT) {
    const g2 = (dot(gradient, gradient, bytes) * clip * clip) / (width as f32);
    const second = load<f32>(v) * fall + g2 * keep2;
    store<f32>(v, second);
    common = sqrt(second) * correction + epsilon;
  }
  const clips = f32x4.splat(clip), b1 = f32x4.splat(beta1), k1 = f32x4.splat(keep1);
  const b2 = f32x4.splat(fall), k2 = f32x4.splat(keep2), rates = f32x4.splat(rate);
  const corrections = f32x4.splat(correction), epsilons = f32x4.splat(epsilon), commons = f32x4.splat(common);
  let norm = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) {
    const g = f32x4.mul(v128.load(gradient + at), clips);
    let first = g;
    if (!(flags & NO_MOMENTUM)) {
      first = f32x4.add(f32x4.mul(v128.load(m + at), b1), f32x4.mul(g, k1));
      v128.store(m + at, first);
    }
    let below = commons;
    if (!(flags & ROW_MOMENT)) {
      const second = f32x4.add(f32x4.mul(v128.load(v + at), b2), f32x4.mul(f32x4.mul(g, k2), g));
      v128.store(v + at, second);
      below = f32x4.add(f32x4.mul(f32x4.sqrt(second), corrections), epsilons);
    }
    const moved = f32x4.sub(v128.load(own + at), f32x4.div(f32x4.mul(first, rates), below));
    v128.store(own + at, moved);
    norm = f32x4.add(norm, f32x4.mul(moved, moved));
  }
  if (flags & UNIT) {
    const length = f32x4.splat(sqrt(lanes(norm)));
    for (let at: usize = 0; at < bytes; at += 16) v128.store(own + at, f32x4.div(v128.load(own + at), length));
  }
}

/** Adam over n floats whose gradients are given: vectors, small matrices. n a multiple of 4. */
export function updateDense(parameter: usize, gradient: usize, m: usize, v: usize, n: u32, flags: u32): void {
  moveRow(parameter, gradient, m, v, beta2, (n as usize) << 2, n, flags & NO_MOMENTUM);
}

/** Norms of the rows of touched features, site by site, [T, sites]; `bounds` as above. */
export function rowNorms(
  count: u32, touched: usize, weights: usize, stride: u32, bounds: usize, sites: u32, out: usize,
): void {
  const bytes = (stride as usize) << 2;
  for (let t: u32 = 0; t < count; t++) {
    const own = weights + (load<u32>(touched + ((t as usize) << 2)) as usize) * bytes;
    let at: usize = 0;
    for (let s: u32 = 0; s < sites; s++) {
      const end = (load<u32>(bounds + ((s as usize) << 2)) as usize) << 2;
      store<f32>(out + (((t * sites + s) as usize) << 2), sqrt(dot(own + at, own + at, end - at)));
      at = end;
    }
  }
}
