// Choice of what fires from scores z [features, rows] + bias, a block of features after the other, in ascending order.
import { dot } from './products';

/** Value and feature in one number: of two keys the larger has the larger value, or the lower feature. Values are above 0. */
@inline
function keyOf(value: f32, feature: u32): u64 {
  return ((reinterpret<u32>(value) as u64) << 32) | ((~feature) as u64);
}

/**
 * Adds to each row's candidates every score above the row's floor: of `count` features from `base` on.
 * `floor` f32 [rows]: the k-th largest so far, 0 before there are k. `filled` u32 [rows]; `keys` u64 [rows, capacity].
 */
export function scanTop(
  z: usize, count: u32, rows: u32, bias: usize, base: u32,
  floor: usize, filled: usize, keys: usize, capacity: u32, k: u32,
): void {
  const whole = rows & ~3;
  for (let f: u32 = 0; f < count; f++) {
    const line = z + ((f as usize) * rows << 2);
    const shift = load<f32>(bias + ((f as usize) << 2));
    const shifts = f32x4.splat(shift);
    const feature = base + f;
    for (let b: u32 = 0; b < whole; b += 4) {
      const value = f32x4.add(v128.load(line + ((b as usize) << 2)), shifts);
      let above = i32x4.bitmask(f32x4.gt(value, v128.load(floor + ((b as usize) << 2))));
      for (; above != 0; above &= above - 1) {
        const row = b + (ctz(above) as u32);
        insert(row, load<f32>(line + ((row as usize) << 2)) + shift, feature, floor, filled, keys, capacity, k);
      }
    }
    for (let b = whole; b < rows; b++) {
      const v = load<f32>(line + ((b as usize) << 2)) + shift;
      if (v > load<f32>(floor + ((b as usize) << 2))) insert(b, v, feature, floor, filled, keys, capacity, k);
    }
  }
}

/** The same over the features whose mark, u8, is 1. */
export function scanTopMarked(
  z: usize, count: u32, rows: u32, bias: usize, base: u32, marks: usize,
  floor: usize, filled: usize, keys: usize, capacity: u32, k: u32,
): void {
  for (let f: u32 = 0; f < count; f++) {
    if (load<u8>(marks + f) == 0) continue;
    const line = z + ((f as usize) * rows << 2);
    scanTop(line, 1, rows, bias + ((f as usize) << 2), base + f, floor, filled, keys, capacity, k);
  }
}

/** The same over integer scores: z = (zi − correction of the row) · scale of the row · scale of the feature + bias. */
export function scanTopScaled(
  zi: usize, count: u32, rows: u32, bias: usize, base: u32, corrections: usize, rowScale: usize, featureScale: usize,
  floor: usize, filled: usize, keys: usize, capacity: u32, k: u32,
): void {
  const whole = rows & ~3;
  for (let f: u32 = 0; f < count; f++) {
    const line = zi + ((f as usize) * rows << 2);
    const shift = load<f32>(bias + ((f as usize) << 2));
    const scale = load<f32>(featureScale + ((f as usize) << 2));
    const shifts = f32x4.splat(shift);
    const scales = f32x4.splat(scale);
    const feature = base + f;
    for (let b: u32 = 0; b < whole; b += 4) {
      const at = (b as usize) << 2;
      const factor = f32x4.mul(v128.load(rowScale + at), scales);
      const sum = i32x4.sub(v128.load(line + at), v128.load(corrections + at));
      const value = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(sum), factor), shifts);
      let above = i32x4.bitmask(f32x4.gt(value, v128.load(floor + at)));
      for (; above != 0; above &= above - 1) {
        const row = b + (ctz(above) as u32);
        const v = scaled(line, row, corrections, rowScale, scale) + shift;
        insert(row, v, feature, floor, filled, keys, capacity, k);
      }
    }
    for (let b = whole; b < rows; b++) {
      const v = scaled(line, b, corrections, rowScale, scale) + shift;
      if (v > load<f32>(floor + ((b as usize) << 2))) insert(b, v, feature, floor, filled, keys, capacity, k);
    }
  }
}

@inline
function scaled(line: usize, row: u32, corrections: usize, rowScale: usize, scale: f32): f32 {
  const at = (row as usize) << 2;
  return ((load<i32>(line + at) - load<i32>(corrections + at)) as f32) * (load<f32>(rowScale + at) * scale);
}

@inline
function insert(
  row: u32, value: f32, feature: u32, floor: usize, filled: usize, keys: usize, capacity: u32, k: u32,
): void {
  const place = filled + ((row as usize) << 2);
  const n = load<u32>(place);
  const own = keys + (((row as usize) * capacity) << 3);
  store<u64>(own + ((n as usize) << 3), keyOf(value, feature));
  store<u32>(place, n + 1);
  if (n + 1 == capacity) {
    largest(own, capacity, k);
    store<u32>(place, k);
    store<f32>(floor + ((row as usize) << 2), valueOf(smallest(own, k)));
  }
}

@inline
function valueOf(key: u64): f32 {
  return reinterpret<f32>((key >> 32) as u32);
}

function smallest(keys: usize, n: u32): u64 {
  let least = load<u64>(keys);
  for (let i: u32 = 1; i < n; i++) {
    const key = load<u64>(keys + ((i as usize) << 3));
    if (key < least) least = key;
  }
  return least;
}

/** Brings the k largest of n keys to the front (quickselect, middle of three). */
function largest(keys: usize, n: u32, k: u32): void {
  let low: i32 = 0;
  let high: i32 = (n as i32) - 1;
  const target = (k as i32) - 1;
  while (low < high) {
    const pivot = middle(at(keys, low), at(keys, (low + high) >> 1), at(keys, high));
    let i = low;
    let j = high;
    while (i <= j) {
      while (at(keys, i) > pivot) i++;
      while (at(keys, j) < pivot) j--;
      if (i <= j) {
        const held = at(keys, i);
        store<u64>(keys + ((i as usize) << 3), at(keys, j));
        store<u64>(keys + ((j as usize) << 3), held);
        i++;
        j--;
      }
    }
    if (target <= j) high = j;
    else if (target >= i) low = i;
    else return;
  }
}

@inline
function at(keys: usize, i: i32): u64 {
  return load<u64>(keys + ((i as usize) << 3));
}

@inline
function middle(a: u64, b: u64, c: u64): u64 {
  const least = min(a, b);
  const most = max(a, b);
  return c < least ? least : c > most ? most : c;
}

/** The same over the rows of `ids` u32 [count], which are ascending features; `base` is the feature whose bias comes first. */
export function scanTopListed(
  z: usize, count: u32, rows: u32, bias: usize, ids: usize, base: u32,
  floor: usize, filled: usize, keys: usize, capacity: u32, k: u32,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + ((i as usize) << 2));
    const line = z + ((i as usize) * rows << 2);
    scanTop(line, 1, rows, bias + (((id - base) as usize) << 2), id, floor, filled, keys, capacity, k);
  }
}

/** out [count, rows] = z + bias of the features `ids`. */
export function shiftListed(
  z: usize, count: u32, rows: u32, bias: usize, ids: usize, base: u32, out: usize,
): void {
  const whole = rows & ~3;
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + ((i as usize) << 2));
    const line = (i as usize) * rows << 2;
    const shift = load<f32>(bias + (((id - base) as usize) << 2));
    const shifts = f32x4.splat(shift);
    for (let b: u32 = 0; b < whole; b += 4) {
      const at = line + ((b as usize) << 2);
      v128.store(out + at, f32x4.add(v128.load(z + at), shifts));
    }
    for (let b = whole; b < rows; b++) {
      const at = line + ((b as usize) << 2);
      store<f32>(out + at, load<f32>(z + at) + shift);
    }
  }
}

/** Scores of this many candidates are compared before it is said how far proposed values lie from exact ones. */
const COMPARED: u32 = 16;

/**
 * Candidates that were proposed by inexact values get their exact ones, x · W + bias, and the k largest above 0 stay. The first k (or
 * 16) by proposed value are scored; of the others those whose proposed value comes within three times the largest error found among the first
 * of the k-th exact value. @returns candidates scored
 */
export function rescoreTop(
  rows: u32, filled: usize, keys: usize, capacity: u32, k: u32,
  inputs: usize, weights: usize, bias: usize, base: u32, stride: u32,
): u32 {
  const bytes = (stride as usize) << 2;
  const first = max(k, COMPARED);
  let scored: u32 = 0;
  for (let b: u32 = 0; b < rows; b++) {
    const own = keys + (((b as usize) * capacity) << 3);
    const place = filled + ((b as usize) << 2);
    const row = inputs + (b as usize) * bytes;
    const n = load<u32>(place);
    const some = min(n, first);
    if (n > first) largest(own, n, first);
    let error: f32 = 0;
    let kept: u32 = 0;
    for (let i: u32 = 0; i < some; i++) {
      const key = at(own, i);
      const value = exact(key, row, weights, bias, base, bytes);
      error = max(error, abs(value - valueOf(key)));
      if (value > 0) store<u64>(own + ((kept++ as usize) << 3), keyOf(value, ~(key as u32)));
    }
    scored += some;
    // Fewer than k so far: whatever is above 0 counts.
    let limit: f32 = 0;
    if (kept >= k) {
      if (kept > k) largest(own, kept, k);
      limit = valueOf(smallest(own, k)) - 3 * error;
    }
    for (let i = some; i < n; i++) {
      const key = at(own, i);
      if (valueOf(key) < limit) continue;
      const value = exact(key, row, weights, bias, base, bytes);
      scored++;
      if (value > 0) store<u64>(own + ((kept++ as usize) << 3), keyOf(value, ~(key as u32)));
    }
    if (kept > k) {
      largest(own, kept, k);
      kept = k;
    }
    store<u32>(place, kept);
  }
  return scored;
}

/** x · W + bias of a key's feature. */
@inline
function exact(key: u64, row: usize, weights: usize, bias: usize, base: u32, bytes: usize): f32 {
  const own = (~(key as u32) - base) as usize;
  return dot(row, weights + own * bytes, bytes) + load<f32>(bias + (own << 2));
}

/** At most k candidates per row, the largest. */
export function finishTop(rows: u32, filled: usize, keys: usize, capacity: u32, k: u32): void {
  for (let b: u32 = 0; b < rows; b++) {
    const n = load<u32>(filled + ((b as usize) << 2));
    if (n <= k) continue;
    largest(keys + (((b as usize) * capacity) << 3), n, k);
    store<u32>(filled + ((b as usize) << 2), k);
  }
}

/**
 * The least key of each row that is among its k largest, over several slices whose candidates lie end to end:
 * `keys` u64 [slices, rows, width], `filled` u32 [slices, rows]. `least` u64 [rows]; 0 where there are fewer than k.
 */
export function mergeTop(
  slices: u32, rows: u32, width: u32, filled: usize, keys: usize, k: u32, scratch: usize, least: usize,
): void {
  for (let b: u32 = 0; b < rows; b++) {
    let n: u32 = 0;
    for (let s: u32 = 0; s < slices; s++) {
      const line = s * rows + b;
      const own = load<u32>(filled + ((line as usize) << 2));
      memory.copy(scratch + ((n as usize) << 3), keys + (((line as usize) * width) << 3), (own as usize) << 3);
      n += own;
    }
    let cut: u64 = 0;
    if (n >= k) {
      largest(scratch, n, k);
      cut = smallest(scratch, k);
    }
    store<u64>(least + ((b as usize) << 3), cut);
  }
}

/**
 * Pairs of every score above its feature's threshold, by feature: z + bias > threshold, of `count` features from `base` on.
 * Writes features, rows and z without bias from pair `from` on. @returns the pairs there are in all, of
 * which no more than `capacity` are written
 */
export function scanAbove(
  z: usize, count: u32, rows: u32, bias: usize, threshold: usize, base: u32,
  feature: usize, row: usize, value: usize, from: u32, capacity: u32,
): u32 {
  const whole = rows & ~3;
  let n = from;
  for (let f: u32 = 0; f < count; f++) {
    const line = z + ((f as usize) * rows << 2);
    const shift = load<f32>(bias + ((f as usize) << 2));
    const limit = load<f32>(threshold + ((f as usize) << 2));
    const shifts = f32x4.splat(shift);
    const limits = f32x4.splat(limit);
    for (let b: u32 = 0; b < whole; b += 4) {
      const scores = f32x4.add(v128.load(line + ((b as usize) << 2)), shifts);
      if (!v128.any_true(f32x4.gt(scores, limits))) continue;
      for (let lane: u32 = 0; lane < 4; lane++) {
        const v = load<f32>(line + (((b + lane) as usize) << 2));
        if (v + shift > limit) {
          if (n < capacity) storePair(feature, row, value, n, base + f, b + lane, v);
          n++;
        }
      }
    }
    for (let b = whole; b < rows; b++) {
      const v = load<f32>(line + ((b as usize) << 2));
      if (v + shift > limit) {
        if (n < capacity) storePair(feature, row, value, n, base + f, b, v);
        n++;
      }
    }
  }
  return n;
}

@inline
function storePair(feature: usize, row: usize, value: usize, n: u32, f: u32, b: u32, v: f32): void {
  const place = (n as usize) << 2;
  store<u32>(feature + place, f);
  store<u32>(row + place, b);
  store<f32>(value + place, v);
}

/** z + bias of the marked features, a row each, from row `from` of `out` [dead, rows] on. @returns rows in all */
export function copyMarked(
  z: usize, count: u32, rows: u32, bias: usize, marks: usize, out: usize, from: u32,
): u32 {
  const whole = rows & ~3;
  let n = from;
  for (let f: u32 = 0; f < count; f++) {
    if (load<u8>(marks + f) == 0) continue;
    const line = z + ((f as usize) * rows << 2);
    const target = out + ((n as usize) * rows << 2);
    const shift = load<f32>(bias + ((f as usize) << 2));
    const shifts = f32x4.splat(shift);
    for (let b: u32 = 0; b < whole; b += 4) {
      const at = (b as usize) << 2;
      v128.store(target + at, f32x4.add(v128.load(line + at), shifts));
    }
    for (let b = whole; b < rows; b++) {
      const at = (b as usize) << 2;
      store<f32>(target + at, load<f32>(line + at) + shift);
    }
    n++;
  }
  return n;
}

/** Leaves of values [count, rows] those above 0 whose key is the row's `least` or more. `ids` u32 [count]: the features. */
export function maskRows(count: u32, rows: u32, ids: usize, least: usize, values: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + ((i as usize) << 2));
    const line = values + ((i as usize) * rows << 2);
    for (let b: u32 = 0; b < rows; b++) {
      const at = line + ((b as usize) << 2);
      const value = load<f32>(at);
      if (!(value > 0) || keyOf(value, id) < load<u64>(least + ((b as usize) << 3))) store<f32>(at, 0);
    }
  }
}
