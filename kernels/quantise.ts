// Rows in 8 bits, for candidates: q = round(x / scale), scale = max |x| / 127 per row. What is chosen by them is scored again exactly.

/** Rows as int8 [rows, stride] with their scales; `offset` 128 writes unsigned bytes. A row of zeros has scale 0. */
export function quantiseRows(
  count: u32, places: usize, stride: u32, matrix: usize, out: usize, scales: usize, offset: i32,
): void {
  const bytes = (stride as usize) << 2;
  for (let i: u32 = 0; i < count; i++) {
    const place = places != 0 ? load<u32>(places + ((i as usize) << 2)) : i;
    const row = matrix + (place as usize) * bytes;
    let most = f32x4.splat(0);
    for (let at: usize = 0; at < bytes; at += 16) most = f32x4.max(most, f32x4.abs(v128.load(row + at)));
    const largest = max(
      max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
      max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
    );
    store<f32>(scales + ((place as usize) << 2), largest / 127);
    const factors = f32x4.splat(largest > 0 ? 127 / largest : 0);
    const offsets = i32x4.splat(offset);
    const target = out + (place as usize) * stride;
    for (let at: usize = 0; at < bytes; at += 16) {
      const q = i32x4.add(i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(row + at), factors))), offsets);
      const to = target + (at >> 2);
      store<u8>(to, i32x4.extract_lane(q, 0) as u8);
      store<u8>(to + 1, i32x4.extract_lane(q, 1) as u8);
      store<u8>(to + 2, i32x4.extract_lane(q, 2) as u8);
      store<u8>(to + 3, i32x4.extract_lane(q, 3) as u8);
    }
  }
}
