// Candidates by values that are not exact: proposed by products of bytes, scored again; and exact ones of listed features.
import { at, insert, keyOf, largest, smallest, valueOf } from './keys';
import { dot } from './products';
import { scanTop } from './select';

/** As scanTop, over integer scores: z = (zi − correction of the row) · scale of the row · scale of the feature + bias. */
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

/** As scanTop, over the rows of `ids` u32 [count], which are ascending features; `base` is the feature whose bias comes first. */
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
