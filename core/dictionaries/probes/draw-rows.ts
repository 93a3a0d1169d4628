// Which labelled rows take part: those of smallest hash, as many others as rows of a class, the others in equal parts. Pure.
import { keyedHash } from '../../tensor/keyed-hash.js';
import type { Labelled } from './inputs.js';

export interface DrawnRow {
  readonly doc: number;
  readonly pos: number;
}

interface Candidate<T> {
  readonly row: T;
  readonly hash: number;
}

/** Keeps of each class the rows of smallest hash; memory grows with what is kept. */
export class RowDraw<T extends DrawnRow> {
  readonly #most: number;
  readonly #seed: number;
  readonly #classes: Candidate<T>[][];
  readonly #seen: Float64Array;
  /** By class: hash from which rows are not kept. */
  readonly #least: Float64Array;

  constructor(classes: number, { most, seed }: { readonly most: number; readonly seed: number }) {
    this.#most = most;
    this.#seed = seed;
    this.#classes = Array.from({ length: classes }, () => []);
    this.#seen = new Float64Array(classes);
    this.#least = new Float64Array(classes).fill(Infinity);
  }

  /** Offers a row; `make` is called where it may be kept. */
  offer(own: number, { doc, pos }: DrawnRow, make: () => T): void {
    const kept = this.#classes[own] as Candidate<T>[];
    this.#seen[own] = (this.#seen[own] as number) + 1;
    const hash = keyedHash('probe', [doc, pos, this.#seed]);
    if (hash > (this.#least[own] as number)) return;
    kept.push({ row: make(), hash });
    if (kept.length < 2 * this.#most) return;
    cut(kept, this.#most);
    this.#least[own] = (kept.at(-1) as Candidate<T>).hash;
  }

  /** Rows of the class that were offered. */
  seen(own: number): number {
    return this.#seen[own] as number;
  }

  /** Rows of the class, the smallest hash first. */
  drawn(own: number): T[] {
    const kept = this.#classes[own] as Candidate<T>[];
    cut(kept, this.#most);
    return kept.map(({ row }) => row);
  }
}

function cut<T extends DrawnRow>(kept: Candidate<T>[], most: number): void {
  kept.sort((a, b) => a.hash - b.hash || a.row.doc - b.row.doc || a.row.pos - b.row.pos);
  kept.length = Math.min(kept.length, most);
}

/**
 * A class against as many rows of the others, in equal parts as far as they go; never more of the class than of the others.
 * @param byClass row numbers of each class, in the order in which they are drawn
 */
export function againstOthers(byClass: readonly Uint32Array[], own: number): Labelled {
  const others = byClass.filter((_, c) => c !== own);
  const all = others.reduce((sum, { length }) => sum + length, 0);
  const positive = (byClass[own] as Uint32Array).slice(0, all);
  const negative: number[] = [];
  const longest = Math.max(0, ...others.map(({ length }) => length));
  for (let turn = 0; turn < longest && negative.length < positive.length; turn++)
    for (const rows of others) {
      if (negative.length === positive.length) break;
      if (turn < rows.length) negative.push(rows[turn] as number);
    }
  const rows = Uint32Array.from([...positive, ...negative]);
  return { rows, y: Uint8Array.from(rows, (_, i) => (i < positive.length ? 1 : 0)) };
}
