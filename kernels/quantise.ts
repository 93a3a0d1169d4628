// Rows in 8 bits, for candidates: q = round(x / scale), scale = max |x| / 127 per row. What is chosen by them is scored again exactly.

/**
 * Rows as bytes [rows, stride] with their scales f32 [rows]; `offset` 128 writes q + 128 as unsigned bytes, 0 signed ones. A row of
 * zeros has scale 0. `places` u32 [count]: which rows; 0: the first `count`.
 */
export function quantiseRows(
  count: u32, places: usize, stride: u32, matrix: usize, out: usize, scales: usize, offset: i32,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const place = (places != 0 ? load<u32>(places + ((i as usize) << 2)) : i) as usize;
    quantiseRow(matrix + ((place * stride) << 2), stride, out + place * stride, scales + (place << 2), offset);
  }
}

/** One of them. */
export function quantiseRow(row: usize, stride: u32, target: usize, scale: usize, offset: i32): void {
  const bytes = (stride as usize) << 2;
  const whole = bytes & ~63;
  const flips = i8x16.splat(offset as i8);
  const largest = largestOf(row, bytes);
  store<f32>(scale, largest / 127);
  const factor: f32 = largest > 0 ? 127 / largest : 0;
  const factors = f32x4.splat(factor);
  for (let at: usize = 0; at < whole; at += 64) {
    const low = i16x8.narrow_i32x4_s(rounded(row + at, factors), rounded(row + at + 16, factors));
    const high = i16x8.narrow_i32x4_s(rounded(row + at + 32, factors), rounded(row + at + 48, factors));
    v128.store(target + (at >> 2), i8x16.add(i8x16.narrow_i16x8_s(low, high), flips));
  }
  for (let at = whole; at < bytes; at += 4)
    store<u8>(target + (at >> 2), ((nearest(load<f32>(row + at) * factor) as i32) + offset) as u8);
}

@inline
function rounded(at: usize, factors: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at), factors)));
}

/** The largest magnitude of a row. */
@inline
function largestOf(row: usize, bytes: usize): f32 {
  let most = f32x4.splat(0);
  for (let at: usize = 0; at < bytes; at += 16) most = f32x4.max(most, f32x4.abs(v128.load(row + at)));
  return max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
}

/**
 * Signed bytes [rows, stride] as [stride, rows], the layout in which the integer product is fast, and 128 Σ q of each row, i32 [rows]:
 * what a product with bytes that are 128 too large has too much.
 */
export function transposeBytes(rows: u32, stride: u32, bytes: usize, out: usize, corrections: usize): void {
  const whole = rows & ~15;
  memory.fill(corrections, 0, (rows as usize) << 2);
  for (let j: u32 = 0; j < stride; j += 4) {
    for (let b: u32 = 0; b < whole; b += 16) transposeTile(b, j, rows, stride, bytes, out);
    for (let b = whole; b < rows; b++)
      for (let c = j; c < j + 4; c++)
        store<u8>(out + (c as usize) * rows + b, load<u8>(bytes + (b as usize) * stride + c));
  }
  for (let b: u32 = 0; b < rows; b++) {
    let sum: i32 = 0;
    for (let j: u32 = 0; j < stride; j++) sum += load<i8>(bytes + (b as usize) * stride + j) as i32;
    store<i32>(corrections + ((b as usize) << 2), sum << 7);
  }
}

/** Four columns of sixteen rows. */
@inline
function transposeTile(b: u32, j: u32, rows: u32, stride: u32, bytes: usize, out: usize): void {
  let q0 = i8x16.splat(0), q1 = q0, q2 = q0, q3 = q0;
  q0 = fourRows(b, j, stride, bytes);
  q1 = fourRows(b + 4, j, stride, bytes);
  q2 = fourRows(b + 8, j, stride, bytes);
  q3 = fourRows(b + 12, j, stride, bytes);
  // Each holds four columns of four rows, columns first: words of equal columns come together.
  const low01 = i32x4.shuffle(q0, q1, 0, 4, 1, 5), low23 = i32x4.shuffle(q2, q3, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(q0, q1, 2, 6, 3, 7), high23 = i32x4.shuffle(q2, q3, 2, 6, 3, 7);
  const line = out + (j as usize) * rows + b;
  v128.store(line, i64x2.shuffle(low01, low23, 0, 2));
  v128.store(line + rows, i64x2.shuffle(low01, low23, 1, 3));
  v128.store(line + 2 * (rows as usize), i64x2.shuffle(high01, high23, 0, 2));
  v128.store(line + 3 * (rows as usize), i64x2.shuffle(high01, high23, 1, 3));
}

/** Columns j … j + 3 of four rows: the four rows' byte of the first column, then of the second … */
@inline
function fourRows(b: u32, j: u32, stride: u32, bytes: usize): v128 {
  const row = bytes + (b as usize) * stride + j;
  const words = i32x4(
    load<i32>(row), load<i32>(row + stride), load<i32>(row + 2 * (stride as usize)), load<i32>(row + 3 * (stride as usize)),
  );
  return i8x16.shuffle(words, words, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}
