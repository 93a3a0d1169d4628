// The K strongest examples of each feature, at most one per context: value descending, then doc, pos. Pure; keeps a bounded
// buffer of the best so far, reduced to K whenever it is full.
import type { TableColumns } from '../../storage/tables/layouts.js';
import { halfOfKey } from './half-key.js';

/** The slots of the `top` table. */
type ExampleSlots = TableColumns['top']['examples'];

/** Where postings stand: parallel arrays. */
export interface Places {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly context: Uint32Array;
}

/** Larger than any number of buffered examples: value keys are packed above it in one float64. */
const INDEX_SPAN = 2 ** 24;
const LARGEST_KEY = 65_535;

export class StrongestExamples {
  readonly #k: number;
  readonly #keys: Uint16Array;
  readonly #docs: Uint32Array;
  readonly #positions: Uint32Array;
  readonly #order: Float64Array;
  /** Buffered: the best of each context, in (doc, pos) order. */
  #held = 0;
  #context = -1;
  #closed: {
    readonly keys: Uint16Array;
    readonly docs: Uint32Array;
    readonly positions: Uint32Array;
  }[] = [];

  constructor(k: number) {
    this.#k = k;
    const room = Math.max(4 * k, 8192);
    this.#keys = new Uint16Array(room);
    this.#docs = new Uint32Array(room);
    this.#positions = new Uint32Array(room);
    this.#order = new Float64Array(room);
  }

  /** Takes posting i of the feature in hand; postings come in (doc, pos) order. */
  add(key: number, places: Places, i: number): void {
    const context = places.context[i] as number;
    if (context === this.#context) {
      if (key <= (this.#keys[this.#held - 1] as number)) return;
      this.#held--;
    } else if (this.#held === this.#keys.length) this.#reduce();
    this.#keys[this.#held] = key;
    this.#docs[this.#held] = places.doc[i] as number;
    this.#positions[this.#held] = places.pos[i] as number;
    this.#held++;
    this.#context = context;
  }

  /** Ends the feature in hand. */
  close(): void {
    const order = this.#strongest();
    const pick = <A extends Uint16Array | Uint32Array>(from: A): A =>
      from.slice(0, order.length).map((_, i) => from[order[i] as number] as number) as A;
    this.#closed.push({
      keys: pick(this.#keys),
      docs: pick(this.#docs),
      positions: pick(this.#positions),
    });
    this.#held = 0;
    this.#context = -1;
  }

  /** The slots of the features closed since the last call, in that order. */
  take(): ExampleSlots {
    const k = this.#k;
    const rows = this.#closed.length;
    const slots = {
      count: new Uint32Array(rows),
      doc: new Uint32Array(rows * k),
      pos: new Uint32Array(rows * k),
      value: new Uint16Array(rows * k),
    };
    this.#closed.forEach(({ keys, docs, positions }, row) => {
      slots.count[row] = keys.length;
      slots.doc.set(docs, row * k);
      slots.pos.set(positions, row * k);
      slots.value.set(keys.map(halfOfKey), row * k);
    });
    this.#closed = [];
    return slots;
  }

  /** Buffer indices of the (at most) K strongest, strongest first; buffer order is (doc, pos) order, so it breaks ties. */
  #strongest(): Uint32Array {
    const order = this.#order.subarray(0, this.#held);
    for (let i = 0; i < order.length; i++) order[i] = (LARGEST_KEY - (this.#keys[i] as number)) * INDEX_SPAN + i;
    order.sort();
    return Uint32Array.from(order.subarray(0, this.#k), (packed) => packed % INDEX_SPAN);
  }

  /** Keeps the K strongest, in (doc, pos) order; only between two contexts, so that no context can come back. */
  #reduce(): void {
    const kept = this.#strongest().sort();
    kept.forEach((from, to) => {
      this.#keys[to] = this.#keys[from] as number;
      this.#docs[to] = this.#docs[from] as number;
      this.#positions[to] = this.#positions[from] as number;
    });
    this.#held = kept.length;
  }
}
