// Where the stored rows of a dictionary stand: every row's number among all of them in (doc, pos) order, its document, position
// and context. Held as stretches (consecutive positions of one document within one context), so that memory grows with contexts
// and not with rows. Pure; rows follow from tokens and settings by the rule of the extraction (core/corpus/packing.ts).
import { packContexts, planRows, type PackingOptions } from '../../core/corpus/packing.js';
import { DataError } from '../../schemas/errors.js';
import type { TableColumns } from '../../storage/tables/layouts.js';

/** What decides which tokens have rows. */
export interface RowRule {
  readonly packing: PackingOptions;
  readonly dropPositions: readonly number[];
  readonly dropTokens: readonly number[];
}

export interface RowPlace {
  readonly doc: number;
  readonly pos: number;
  /** A number per context, never shared by two. */
  readonly context: number;
}

/** Tokens of one shard's documents, tables in order. */
export type ShardTables = readonly TableColumns['tokens'][];

/** Words per stretch: document, position and row number of its first row, context. */
const WORDS = 4;

export class RowPlaces {
  readonly #rule: RowRule;
  readonly #dropped: ReadonlySet<number>;
  #stretches = new Uint32Array(WORDS * 1024);
  #count = 0;
  #rows = 0;
  #contexts = 0;
  /** First stretch of each document, by doc − first; made when the first question is asked. */
  #byDocument: { readonly first: number; readonly starts: Uint32Array } | null = null;

  constructor(rule: RowRule) {
    this.#rule = rule;
    this.#dropped = new Set(rule.dropTokens);
  }

  /** Stored rows. */
  get rows(): number {
    return this.#rows;
  }

  /**
   * Takes the next shard, in document order; calls `each` with the token id of every row, in row order.
   * @returns rows of the shard
   */
  add(tables: ShardTables, each?: (token: number) => void): number {
    const docs = tables.flatMap((table) => [...table.doc]);
    const { offsets, ids } = joined(tables, docs.length);
    const packed = packContexts(offsets, this.#rule.packing);
    const { tokenOfRow } = planRows(packed, this.#rule.dropPositions, (at) => this.#dropped.has(ids[at] as number));
    let [document, before, context] = [0, -2, -1];
    for (const at of tokenOfRow) {
      while (at >= (offsets[document + 1] as number)) document++;
      const start = offsets[document] as number;
      const own = packed.contexts[at] as number;
      if (at !== before + 1 || own !== context || at === start)
        this.#begin(docs[document] as number, at - start, this.#contexts + own);
      [before, context] = [at, own];
      this.#rows++;
      each?.(ids[at] as number);
    }
    this.#contexts += packed.starts.length - 1;
    this.#byDocument = null;
    return tokenOfRow.length;
  }

  /** Number of the row at (doc, pos) and its context; null where none is stored. */
  find(doc: number, pos: number): { readonly row: number; readonly context: number } | null {
    const { first, starts } = (this.#byDocument ??= this.#documents());
    const from = starts[doc - first];
    const to = starts[doc - first + 1];
    if (from === undefined || to === undefined || doc < first) return null;
    const found = this.#last(from, to, (s) => this.#word(s, 1) <= pos);
    if (found < from) return null;
    const offset = pos - this.#word(found, 1);
    return offset < this.#length(found) ? { row: this.#word(found, 2) + offset, context: this.#word(found, 3) } : null;
  }

  /** The place of a row of a number below `rows`. */
  at(row: number): RowPlace {
    const found = this.#last(0, this.#count, (s) => this.#word(s, 2) <= row);
    const pos = this.#word(found, 1) + row - this.#word(found, 2);
    return { doc: this.#word(found, 0), pos, context: this.#word(found, 3) };
  }

  #begin(doc: number, pos: number, context: number): void {
    if ((this.#count + 1) * WORDS > this.#stretches.length) {
      const grown = new Uint32Array(2 * this.#stretches.length);
      grown.set(this.#stretches);
      this.#stretches = grown;
    }
    const last = this.#count === 0 ? -1 : this.#word(this.#count - 1, 0);
    if (doc < last) throw unordered(doc, last);
    this.#stretches.set([doc, pos, this.#rows, context], this.#count * WORDS);
    this.#count++;
  }

  #documents(): { readonly first: number; readonly starts: Uint32Array } {
    const first = this.#count === 0 ? 0 : this.#word(0, 0);
    const last = this.#count === 0 ? -1 : this.#word(this.#count - 1, 0);
    const starts = new Uint32Array(last - first + 2).fill(this.#count);
    for (let s = this.#count - 1; s >= 0; s--) starts[this.#word(s, 0) - first] = s;
    // A document without rows begins where the next one does.
    for (let d = starts.length - 2; d >= 0; d--) if (starts[d] === this.#count) starts[d] = starts[d + 1] as number;
    return { first, starts };
  }

  /** The last stretch of from … to − 1 for which `holds`, which holds for all before it; from − 1 where it holds for none. */
  #last(from: number, to: number, holds: (stretch: number) => boolean): number {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(middle)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #word(stretch: number, word: 0 | 1 | 2 | 3): number {
    return this.#stretches[stretch * WORDS + word] as number;
  }

  #length(stretch: number): number {
    const end = stretch + 1 < this.#count ? this.#word(stretch + 1, 2) : this.#rows;
    return end - this.#word(stretch, 2);
  }
}

/** A shard's tables end to end. */
function joined(tables: ShardTables, documents: number): { readonly offsets: Uint32Array; readonly ids: Uint32Array } {
  const offsets = new Uint32Array(documents + 1);
  const ids = new Uint32Array(tables.reduce((sum, table) => sum + table.ids.length, 0));
  let [row, at] = [0, 0];
  for (const table of tables) {
    ids.set(table.ids, at);
    for (let i = 0; i < table.doc.length; i++) offsets[++row] = at + (table.offsets[i + 1] as number);
    at += table.ids.length;
  }
  return { offsets, ids };
}

function unordered(doc: number, last: number): DataError {
  return new DataError(
    `Expected shards in the order of their documents, found document ${doc} after ${last}; two shards share documents: run \`assay verify\` on the run's tokens.`,
    { doc, last },
  );
}
