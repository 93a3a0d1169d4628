// Orders of rows by counting sort: stored rows (permuted) to token order, and firings to the order of postings.

/**
 * Rows in token order (doc ascending, then pos): order[i] = stored row of the i-th token. Sorts by (doc − least doc) and pos
 * in two stable counting passes, so it takes time linear in rows and in the span of the two columns.
 */
export function tokenOrder(doc: Uint32Array, pos: Uint32Array): Uint32Array {
  const identity = Uint32Array.from(doc, (_, i) => i);
  return countingSort(countingSort(identity, pos), doc);
}

/** Stable order of `rows` by their key. */
function countingSort(rows: Uint32Array, keyOf: Uint32Array): Uint32Array {
  let min = Infinity;
  let max = 0;
  for (const row of rows) {
    const key = keyOf[row] as number;
    if (key < min) min = key;
    if (key > max) max = key;
  }
  if (rows.length === 0) return rows;
  const next = new Uint32Array(max - min + 2);
  for (const row of rows)
    next[(keyOf[row] as number) - min + 1] = (next[(keyOf[row] as number) - min + 1] as number) + 1;
  for (let i = 1; i < next.length; i++) next[i] = (next[i] as number) + (next[i - 1] as number);
  const sorted = new Uint32Array(rows.length);
  for (const row of rows) {
    const slot = (keyOf[row] as number) - min;
    const at = next[slot] as number;
    sorted[at] = row;
    next[slot] = at + 1;
  }
  return sorted;
}

/** Firings in token order, as the `acts` table holds them. */
export interface Firings {
  /** Row i owns firings offsets[i] … offsets[i + 1] − 1. */
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array;
  readonly value: Uint16Array;
}

export interface Postings {
  readonly feature: Uint32Array;
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly value: Uint16Array;
}

/** The firings by (feature, doc, pos), given `doc` and `pos` of rows in token order; counts per feature go to `fired`. */
export function sortPostings(
  { offsets, feature, value }: Firings,
  { doc, pos }: { readonly doc: Uint32Array; readonly pos: Uint32Array },
  fired: Uint32Array,
): Postings {
  for (const id of feature) fired[id] = (fired[id] as number) + 1;
  const next = new Uint32Array(fired.length);
  for (let i = 1; i < next.length; i++) next[i] = (next[i - 1] as number) + (fired[i - 1] as number);
  const n = feature.length;
  const sorted = {
    feature: new Uint32Array(n),
    doc: new Uint32Array(n),
    pos: new Uint32Array(n),
    value: new Uint16Array(n),
  };
  for (let row = 0; row + 1 < offsets.length; row++) {
    for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++) {
      const id = feature[i] as number;
      const at = next[id] as number;
      next[id] = at + 1;
      sorted.feature[at] = id;
      sorted.doc[at] = doc[row] as number;
      sorted.pos[at] = pos[row] as number;
      sorted.value[at] = value[i] as number;
    }
  }
  return sorted;
}
