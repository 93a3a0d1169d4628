// Draws rows by smallest hash: of each class the first, and of all rows the first, so that the others of a class can be taken from what is
// usual. What is drawn depends on seed and rows alone, not on their order or division. Pure.
import { keyedHash } from '../../core/tensor/keyed-hash.js';

export interface DrawnRow {
  readonly doc: number;
  readonly pos: number;
  readonly label: number;
  /** 53 bits. */
  readonly draw: number;
}

/** The rows of smallest hash so far. */
class Smallest {
  readonly #most: number;
  #rows: DrawnRow[] = [];
  #limit = Infinity;

  constructor(most: number) {
    this.#most = most;
  }

  add(row: DrawnRow): void {
    if (row.draw >= this.#limit) return;
    this.#rows.push(row);
    if (this.#rows.length >= 2 * this.#most) this.#cut();
  }

  get rows(): readonly DrawnRow[] {
    this.#cut();
    return this.#rows;
  }

  #cut(): void {
    this.#rows.sort((a, b) => a.draw - b.draw);
    this.#rows = this.#rows.slice(0, this.#most);
    if (this.#rows.length === this.#most) this.#limit = this.#rows.at(-1)?.draw ?? Infinity;
  }
}

export class RowDraw {
  readonly #most: number;
  readonly #seed: number;
  readonly #classes = new Map<number, Smallest>();
  readonly #all: Smallest;
  readonly #counts: number[] = [];

  /** @param most rows of a class */
  constructor(most: number, seed: number) {
    this.#most = most;
    this.#seed = seed;
    this.#all = new Smallest(2 * most);
  }

  add(doc: number, pos: number, label: number): void {
    const row = { doc, pos, label, draw: keyedHash('probe', [this.#seed, doc, pos]) };
    const own = this.#classes.get(label) ?? new Smallest(this.#most);
    this.#classes.set(label, own);
    own.add(row);
    this.#all.add(row);
    this.#counts[label] = (this.#counts[label] ?? 0) + 1;
  }

  /** Rows of a class that were offered. */
  count(label: number): number {
    return this.#counts[label] ?? 0;
  }

  /** Each once, by document and position. */
  get rows(): DrawnRow[] {
    const found = new Map<string, DrawnRow>();
    for (const { rows } of [this.#all, ...this.#classes.values()])
      for (const row of rows) found.set(`${row.doc} ${row.pos}`, row);
    return [...found.values()].sort((a, b) => a.doc - b.doc || a.pos - b.pos);
  }
}
