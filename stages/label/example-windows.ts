// The examples of a range of features and the tokens around each, filled in from the tokens of one shard after the other. Pure; holds
// four tokens per example, never a document.
import type { TableColumns } from '../../storage/tables/layouts.js';
import { NONE, WINDOW, type Window } from './first-label.js';

export class ExampleWindows {
  #docs = new Uint32Array(4096);
  #positions = new Uint32Array(4096);
  #n = 0;
  #windows = new Uint32Array(0);
  /** Examples by document. */
  #order = new Uint32Array(0);

  /** Examples so far: the number of the next one. */
  get count(): number {
    return this.#n;
  }

  add(doc: number, pos: number): void {
    if (this.#n === this.#docs.length) {
      [this.#docs, this.#positions] = [grown(this.#docs), grown(this.#positions)];
    }
    this.#docs[this.#n] = doc;
    this.#positions[this.#n] = pos;
    this.#n++;
  }

  /** To be called after the last example and before the first tokens. */
  seal(): void {
    this.#windows = new Uint32Array(this.#n * WINDOW).fill(NONE);
    // Document and number as one number, exact below 2^53: ten million examples of 10^8 documents are 10^15.
    const n = this.#n;
    const packed = Float64Array.from({ length: n }, (_, i) => (this.#docs[i] as number) * n + i).sort();
    this.#order = Uint32Array.from(packed, (one) => one % n);
  }

  /** Fills in what these documents hold. */
  fill({ doc, offsets, ids }: TableColumns['tokens']): void {
    for (let row = 0; row < doc.length; row++) {
      const [from, to] = [offsets[row] as number, offsets[row + 1] as number];
      for (let at = this.#first(doc[row] as number); at < this.#n; at++) {
        const example = this.#order[at] as number;
        if (this.#docs[example] !== doc[row]) break;
        const place = from + (this.#positions[example] as number);
        for (let i = 0; i < WINDOW; i++) {
          const token = place + i - 2;
          if (token >= from && token < to) this.#windows[example * WINDOW + i] = ids[token] as number;
        }
      }
    }
  }

  docOf(example: number): number {
    return this.#docs[example] as number;
  }

  windowOf(example: number): Window {
    const at = example * WINDOW;
    const [a = NONE, b = NONE, c = NONE, d = NONE] = this.#windows.subarray(at, at + WINDOW);
    return [a, b, c, d];
  }

  /** Place in the order of the first example of a document. */
  #first(doc: number): number {
    let [low, high] = [0, this.#n];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#docs[this.#order[middle] as number] as number) < doc) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function grown(values: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(2 * values.length);
  more.set(values);
  return more;
}
