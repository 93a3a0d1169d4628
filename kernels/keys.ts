// Candidates of a row as keys u64: value bits << 32 | ~feature. The module's own; nothing of it is called from outside.

/** Value and feature in one number: of two keys the larger has the larger value, or the lower feature. Values are above 0. */
@inline
export function keyOf(value: f32, feature: u32): u64 {
  return ((reinterpret<u32>(value) as u64) << 32) | ((~feature) as u64);
}

@inline
export function insert(
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
export function valueOf(key: u64): f32 {
  return reinterpret<f32>((key >> 32) as u32);
}

export function smallest(keys: usize, n: u32): u64 {
  let least = load<u64>(keys);
  for (let i: u32 = 1; i < n; i++) {
    const key = load<u64>(keys + ((i as usize) << 3));
    if (key < least) least = key;
  }
  return least;
}

/** Brings the k largest of n keys to the front (quickselect, middle of three). */
export function largest(keys: usize, n: u32, k: u32): void {
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
export function at(keys: usize, i: i32): u64 {
  return load<u64>(keys + ((i as usize) << 3));
}

@inline
export function middle(a: u64, b: u64, c: u64): u64 {
  const least = min(a, b);
  const most = max(a, b);
  return c < least ? least : c > most ? most : c;
}
