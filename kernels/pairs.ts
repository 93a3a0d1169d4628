// Pairs (row, feature, value) of what fired: from candidates to lists by row and by feature.

/**
 * Candidates of each row whose key is `least` or more, by row, features ascending. @returns their number
 * `offsets` u32 [rows + 1]; `feature` u32, `value` f32 of room for all candidates.
 */
export function keepRows(
  rows: u32, filled: usize, keys: usize, capacity: u32, least: usize,
  offsets: usize, feature: usize, value: usize,
): u32 {
  let n: u32 = 0;
  store<u32>(offsets, 0);
  for (let b: u32 = 0; b < rows; b++) {
    const own = keys + (((b as usize) * capacity) << 3);
    const count = load<u32>(filled + ((b as usize) << 2));
    const cut = load<u64>(least + ((b as usize) << 3));
    const start = n;
    for (let i: u32 = 0; i < count; i++) {
      const key = load<u64>(own + ((i as usize) << 3));
      if (key < cut) continue;
      const id = ~(key as u32);
      let place = n++;
      while (place > start && load<u32>(feature + (((place - 1) as usize) << 2)) > id) {
        const to = (place as usize) << 2;
        store<u32>(feature + to, load<u32>(feature + to - 4));
        store<f32>(value + to, load<f32>(value + to - 4));
        place--;
      }
      store<u32>(feature + ((place as usize) << 2), id);
      store<f32>(value + ((place as usize) << 2), reinterpret<f32>((key >> 32) as u32));
    }
    store<u32>(offsets + (((b + 1) as usize) << 2), n);
  }
  return n;
}

/**
 * Pairs by row to pairs by feature. `counts` u32 [features] is scratch. Features are counted from `base`.
 * Writes `touched` (features that occur, from 0, ascending, and those whose mark u8 is 1, unless `marks` is 0), `starts`, `row` and
 * `source` (the pair's place in the list by row). @returns the number of touched features
 */
export function byFeature(
  rows: u32, offsets: usize, feature: usize, base: u32, features: u32, marks: usize,
  counts: usize, touched: usize, starts: usize, row: usize, source: usize,
): u32 {
  memory.fill(counts, 0, (features as usize) << 2);
  const pairs = load<u32>(offsets + ((rows as usize) << 2));
  for (let p: u32 = 0; p < pairs; p++) {
    const place = counts + (((load<u32>(feature + ((p as usize) << 2)) - base) as usize) << 2);
    store<u32>(place, load<u32>(place) + 1);
  }
  const n = startsOf(features, marks, counts, touched, starts);
  for (let b: u32 = 0; b < rows; b++) {
    const end = load<u32>(offsets + (((b + 1) as usize) << 2));
    for (let p = load<u32>(offsets + ((b as usize) << 2)); p < end; p++) {
      const place = counts + (((load<u32>(feature + ((p as usize) << 2)) - base) as usize) << 2);
      const at = load<u32>(place);
      store<u32>(place, at + 1);
      store<u32>(row + ((at as usize) << 2), b);
      store<u32>(source + ((at as usize) << 2), p);
    }
  }
  return n;
}

/** Touched features and where their pairs start, from counts per feature, which become the starts. @returns touched features */
export function startsOf(features: u32, marks: usize, counts: usize, touched: usize, starts: usize): u32 {
  let n: u32 = 0;
  let sum: u32 = 0;
  for (let f: u32 = 0; f < features; f++) {
    const place = counts + ((f as usize) << 2);
    const own = load<u32>(place);
    store<u32>(place, sum);
    if (own == 0 && (marks == 0 || load<u8>(marks + f) == 0)) continue;
    store<u32>(touched + ((n as usize) << 2), f);
    store<u32>(starts + ((n as usize) << 2), sum);
    n++;
    sum += own;
  }
  store<u32>(starts + ((n as usize) << 2), sum);
  return n;
}

/**
 * Pairs by feature to pairs by row: `offsets` u32 [rows + 1] and `source`, the pair's place in the list by feature.
 * `row` u32 [pairs] by feature. `cursor` u32 [rows] is scratch.
 */
export function byRow(pairs: u32, rows: u32, row: usize, cursor: usize, offsets: usize, source: usize): void {
  memory.fill(cursor, 0, (rows as usize) << 2);
  for (let p: u32 = 0; p < pairs; p++) {
    const place = cursor + ((load<u32>(row + ((p as usize) << 2)) as usize) << 2);
    store<u32>(place, load<u32>(place) + 1);
  }
  let sum: u32 = 0;
  for (let b: u32 = 0; b < rows; b++) {
    const place = cursor + ((b as usize) << 2);
    const own = load<u32>(place);
    store<u32>(offsets + ((b as usize) << 2), sum);
    store<u32>(place, sum);
    sum += own;
  }
  store<u32>(offsets + ((rows as usize) << 2), sum);
  for (let p: u32 = 0; p < pairs; p++) {
    const place = cursor + ((load<u32>(row + ((p as usize) << 2)) as usize) << 2);
    const at = load<u32>(place);
    store<u32>(place, at + 1);
    store<u32>(source + ((at as usize) << 2), p);
  }
}

/** target[i] = values[places[i]], 4 bytes each. */
export function pick(values: usize, places: usize, count: u32, target: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const from = load<u32>(places + ((i as usize) << 2));
    store<u32>(target + ((i as usize) << 2), load<u32>(values + ((from as usize) << 2)));
  }
}
