// Products with rows of weights, over pairs. `stride` floats lie between rows, a multiple of 4.

/**
 * out_b = Σ_p value_p W[feature_p − base] over the row's pairs, in their order: [rows, stride].
 * Thirty-two columns at a time stay in registers.
 */
export function decode(
  rows: u32, offsets: usize, feature: usize, value: usize, base: u32, weights: usize, stride: u32, out: usize,
): void {
  const bytes = (stride as usize) << 2;
  for (let b: u32 = 0; b < rows; b++) {
    const start = load<u32>(offsets + ((b as usize) << 2));
    const end = load<u32>(offsets + (((b + 1) as usize) << 2));
    sumRows(start, end, feature, value, base, weights, bytes, out + (b as usize) * bytes);
  }
}

/** out = Σ_p value_p rows[index_p − base] for pairs start ≤ p < end. */
@inline
function sumRows(
  start: u32, end: u32, index: usize, value: usize, base: u32, matrix: usize, bytes: usize, out: usize,
): void {
  let column: usize = 0;
  for (; column + 128 <= bytes; column += 128) {
    let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
    let a4 = f32x4.splat(0), a5 = f32x4.splat(0), a6 = f32x4.splat(0), a7 = f32x4.splat(0);
    for (let p = start; p < end; p++) {
      const place = (p as usize) << 2;
      const row = matrix + ((load<u32>(index + place) - base) as usize) * bytes + column;
      const w = f32x4.splat(load<f32>(value + place));
      a0 = f32x4.add(a0, f32x4.mul(w, v128.load(row)));
      a1 = f32x4.add(a1, f32x4.mul(w, v128.load(row, 16)));
      a2 = f32x4.add(a2, f32x4.mul(w, v128.load(row, 32)));
      a3 = f32x4.add(a3, f32x4.mul(w, v128.load(row, 48)));
      a4 = f32x4.add(a4, f32x4.mul(w, v128.load(row, 64)));
      a5 = f32x4.add(a5, f32x4.mul(w, v128.load(row, 80)));
      a6 = f32x4.add(a6, f32x4.mul(w, v128.load(row, 96)));
      a7 = f32x4.add(a7, f32x4.mul(w, v128.load(row, 112)));
    }
    v128.store(out + column, a0);
    v128.store(out + column, a1, 16);
    v128.store(out + column, a2, 32);
    v128.store(out + column, a3, 48);
    v128.store(out + column, a4, 64);
    v128.store(out + column, a5, 80);
    v128.store(out + column, a6, 96);
    v128.store(out + column, a7, 112);
  }
  for (; column < bytes; column += 16) {
    let a = f32x4.splat(0);
    for (let p = start; p < end; p++) {
      const place = (p as usize) << 2;
      const row = matrix + ((load<u32>(index + place) - base) as usize) * bytes + column;
      a = f32x4.add(a, f32x4.mul(f32x4.splat(load<f32>(value + place)), v128.load(row)));
    }
    v128.store(out + column, a);
  }
}

/** G_t = Σ_p weight_p rows[row_p] over the pairs of one feature: see `sumRows`. */
export function sumPairs(
  start: u32, end: u32, row: usize, weight: usize, matrix: usize, stride: u32, out: usize,
): void {
  sumRows(start, end, row, weight, 0, matrix, (stride as usize) << 2, out);
}

/** out_p = rows[row_p] · W[touched_t] for the pairs of every touched feature. */
export function pairDots(
  count: u32, touched: usize, starts: usize, row: usize, matrix: usize, weights: usize, stride: u32, out: usize,
): void {
  const bytes = (stride as usize) << 2;
  for (let t: u32 = 0; t < count; t++) {
    const own = weights + (load<u32>(touched + ((t as usize) << 2)) as usize) * bytes;
    const end = load<u32>(starts + (((t + 1) as usize) << 2));
    for (let p = load<u32>(starts + ((t as usize) << 2)); p < end; p++) {
      const place = (p as usize) << 2;
      store<f32>(out + place, dot(own, matrix + (load<u32>(row + place) as usize) * bytes, bytes));
    }
  }
}

/** Σ_j a_j b_j in four partial sums of four lanes. */
@inline
export function dot(a: usize, b: usize, bytes: usize): f32 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  let at: usize = 0;
  for (; at + 64 <= bytes; at += 64) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a + at), v128.load(b + at)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a + at, 16), v128.load(b + at, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(a + at, 32), v128.load(b + at, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(a + at, 48), v128.load(b + at, 48)));
  }
  for (; at < bytes; at += 16) s0 = f32x4.add(s0, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  return lanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

@inline
export function lanes(s: v128): f32 {
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3));
}

/**
 * The gradient of an error: gradient = error · factor, and ‖e‖² of each row in float64, `squares` f64 [rows].
 */
export function residual(
  rows: u32, stride: u32, error: usize, factor: f32, gradient: usize, squares: usize,
): void {
  const bytes = (stride as usize) << 2;
  const factors = f32x4.splat(factor);
  for (let b: u32 = 0; b < rows; b++) {
    const line = (b as usize) * bytes;
    let sum = f64x2.splat(0);
    for (let at: usize = 0; at < bytes; at += 16) {
      const value = v128.load(error + line + at);
      v128.store(gradient + line + at, f32x4.mul(value, factors));
      const low = f64x2.promote_low_f32x4(value);
      const high = f64x2.promote_low_f32x4(i64x2.shuffle(value, value, 1, 0));
      sum = f64x2.add(sum, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
    }
    store<f64>(squares + ((b as usize) << 3), f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
  }
}

/** target[:, column … column + stride] += source [rows, stride]; rows of the target lie `targetStride` floats apart. */
export function addColumns(
  rows: u32, target: usize, targetStride: u32, column: u32, source: usize, stride: u32,
): void {
  const bytes = (stride as usize) << 2;
  for (let b: u32 = 0; b < rows; b++) {
    const to = target + (((b * targetStride + column) as usize) << 2);
    const from = source + (b as usize) * bytes;
    for (let at: usize = 0; at < bytes; at += 16)
      v128.store(to + at, f32x4.add(v128.load(to + at), v128.load(from + at)));
  }
}

/** rows += shift − targets. */
export function addShifted(rows: u32, stride: u32, matrix: usize, shift: usize, targets: usize): void {
  const bytes = (stride as usize) << 2;
  for (let b: u32 = 0; b < rows; b++) {
    const line = (b as usize) * bytes;
    for (let at: usize = 0; at < bytes; at += 16) {
      const value = f32x4.add(v128.load(matrix + line + at), v128.load(shift + at));
      v128.store(matrix + line + at, f32x4.sub(value, v128.load(targets + line + at)));
    }
  }
}

/** out = rows − shift. */
export function subtractFromRows(rows: u32, stride: u32, matrix: usize, shift: usize, out: usize): void {
  const bytes = (stride as usize) << 2;
  for (let b: u32 = 0; b < rows; b++) {
    const line = (b as usize) * bytes;
    for (let at: usize = 0; at < bytes; at += 16)
      v128.store(out + line + at, f32x4.sub(v128.load(matrix + line + at), v128.load(shift + at)));
  }
}

/** out = Σ_b rows_b, in order. */
export function columnSums(rows: u32, stride: u32, matrix: usize, out: usize): void {
  const bytes = (stride as usize) << 2;
  memory.fill(out, 0, bytes);
  for (let b: u32 = 0; b < rows; b++) {
    const line = matrix + (b as usize) * bytes;
    for (let at: usize = 0; at < bytes; at += 16) v128.store(out + at, f32x4.add(v128.load(out + at), v128.load(line + at)));
  }
}

/** target += source, n floats, a multiple of 4. */
export function addTo(target: usize, source: usize, n: u32): void {
  const bytes = (n as usize) << 2;
  for (let at: usize = 0; at < bytes; at += 16)
    v128.store(target + at, f32x4.add(v128.load(target + at), v128.load(source + at)));
}

/** Copies rows: out_i = matrix[places_i − base]. */
export function gatherRows(count: u32, places: usize, base: u32, matrix: usize, stride: u32, out: usize): void {
  const bytes = (stride as usize) << 2;
  for (let i: u32 = 0; i < count; i++) {
    const row = (load<u32>(places + ((i as usize) << 2)) - base) as usize;
    memory.copy(out + (i as usize) * bytes, matrix + row * bytes, bytes);
  }
}

/** values ← values where `mask` is above 0, else 0; `sums` f32 [count] gets Σ of each row, added in four lanes. */
export function maskBy(count: u32, rows: u32, mask: usize, values: usize, sums: usize): void {
  const whole = rows & ~3;
  const none = f32x4.splat(0);
  for (let i: u32 = 0; i < count; i++) {
    const line = (i as usize) * rows << 2;
    let sum = none;
    for (let b: u32 = 0; b < whole; b += 4) {
      const at = line + ((b as usize) << 2);
      const kept = v128.bitselect(v128.load(values + at), none, f32x4.gt(v128.load(mask + at), none));
      v128.store(values + at, kept);
      sum = f32x4.add(sum, kept);
    }
    let total = lanes(sum);
    for (let b = whole; b < rows; b++) {
      const at = line + ((b as usize) << 2);
      const kept: f32 = load<f32>(mask + at) > 0 ? load<f32>(values + at) : 0;
      store<f32>(values + at, kept);
      total += kept;
    }
    store<f32>(sums + ((i as usize) << 2), total);
  }
}
