// Choice of what fires from scores z [features, rows] + bias, a block of features after the other, in ascending order.
import { insert, keyOf, largest, smallest } from './keys';

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
