// Which features fire on the same rows, exactly, from the rows' lists of features. Pure; holds the rows twice (features by row,
// rows by feature) and one counter per feature, never a pair matrix: the product AᵀA of the firing matrix A, a row at a time.
//
//   n_i, n_ij   rows on which i fires, on which i and j both fire, of N rows
//   φ_ij        = (N n_ij − n_i n_j) / √(n_i n_j (N − n_i) (N − n_j))
// The ten j of greatest φ > 0; of equals the lower j. φ is the correlation of the two firings: 0 where they are independent, so that
// dense features are no neighbours of everything. No φ where a feature fires on no row or on all of them.

export const NEIGHBOURS = 10;

export interface Neighbour {
  readonly feature: number;
  readonly value: number;
  readonly n: number;
}

export class FiringRows {
  readonly #features: number;
  /** Features of all rows end to end, and where each row begins. */
  #list: Uint32Array;
  #starts: Uint32Array = new Uint32Array(1024);
  #rows = 0;
  #used = 0;

  /** @param expected firings, as far as they are known */
  constructor(features: number, expected: number) {
    this.#features = features;
    this.#list = new Uint32Array(Math.max(1024, expected));
  }

  /** Takes a row's features. */
  add(features: Uint32Array): void {
    if (this.#used + features.length > this.#list.length) this.#list = grown(this.#list, this.#used + features.length);
    this.#list.set(features, this.#used);
    this.#used += features.length;
    this.#rows++;
    if (this.#rows >= this.#starts.length) this.#starts = grown(this.#starts, this.#rows + 1);
    this.#starts[this.#rows] = this.#used;
  }

  get rows(): number {
    return this.#rows;
  }

  /** The neighbours of features from … to − 1, one list each. */
  *neighbours(from: number, to: number): Generator<readonly Neighbour[]> {
    const { starts, rows } = this.#byFeature();
    const counts = new Uint32Array(this.#features);
    for (let feature = from; feature < to; feature++) {
      const touched: number[] = [];
      for (let r = starts[feature] as number; r < (starts[feature + 1] as number); r++) {
        const row = rows[r] as number;
        const end = this.#starts[row + 1] as number;
        for (let at = this.#starts[row] as number; at < end; at++) {
          const other = this.#list[at] as number;
          const times = counts[other] as number;
          if (times === 0) touched.push(other);
          counts[other] = times + 1;
        }
      }
      yield this.#nearest(feature, { starts, counts, touched });
      for (const other of touched) counts[other] = 0;
    }
  }

  #nearest(
    feature: number,
    {
      starts,
      counts,
      touched,
    }: { readonly starts: Uint32Array; readonly counts: Uint32Array; readonly touched: readonly number[] },
  ): Neighbour[] {
    const total = this.#rows;
    const fires = (i: number): number => (starts[i + 1] as number) - (starts[i] as number);
    const own = fires(feature);
    const best: Neighbour[] = [];
    for (const other of touched) {
      if (other === feature) continue;
      const [n, theirs] = [counts[other] as number, fires(other)];
      const spread = Math.sqrt(own * (total - own)) * Math.sqrt(theirs * (total - theirs));
      const value = Math.fround((total * n - own * theirs) / spread);
      if (value > 0 && value < Infinity) keepNearest(best, { feature: other, value, n });
    }
    return best;
  }

  /** Rows on which each feature fires, ascending. */
  #byFeature(): { readonly starts: Uint32Array; readonly rows: Uint32Array } {
    const starts = new Uint32Array(this.#features + 1);
    for (let at = 0; at < this.#used; at++) {
      const next = (this.#list[at] as number) + 1;
      starts[next] = (starts[next] as number) + 1;
    }
    for (let f = 0; f < this.#features; f++) starts[f + 1] = (starts[f + 1] as number) + (starts[f] as number);
    const next = starts.slice();
    const rows = new Uint32Array(this.#used);
    for (let row = 0; row < this.#rows; row++)
      for (let at = this.#starts[row] as number; at < (this.#starts[row + 1] as number); at++) {
        const feature = this.#list[at] as number;
        rows[next[feature] as number] = row;
        next[feature] = (next[feature] as number) + 1;
      }
    return { starts, rows };
  }
}

/** Puts a neighbour where it belongs: value descending, then feature; at most NEIGHBOURS of them. */
export function keepNearest<N extends { readonly feature: number; readonly value: number }>(best: N[], next: N): void {
  const isBefore = (a: N, b: N): boolean => (a.value !== b.value ? a.value > b.value : a.feature < b.feature);
  const last = best.at(-1);
  if (best.length === NEIGHBOURS && last && !isBefore(next, last)) return;
  const at = best.findIndex((other) => isBefore(next, other));
  best.splice(at < 0 ? best.length : at, 0, next);
  if (best.length > NEIGHBOURS) best.pop();
}

function grown(values: Uint32Array, least: number): Uint32Array {
  const more = new Uint32Array(Math.max(least, Math.ceil(1.5 * values.length)));
  more.set(values);
  return more;
}
