// Reads one dictionary's features by number: strongest examples, postings and summary, each by one or two ranged reads.
// Where the index does not cover a feature yet, the shards' sorted runs answer and the coverage says so.
import { contextInDocument, packContexts, type PackingOptions } from '../../core/corpus/packing.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { TableOptions } from '../../storage/tables/columns.js';
import { readTableOptions } from '../../storage/tables/file-schema.js';
import { newCounters, readBatches, type ReadCounters } from '../../storage/scan/batch-reader.js';
import {
  bestPerContext,
  joinRows,
  rowsOfFeature,
  slotsOf,
  summaryRow,
  type Example,
  type FeatureRows,
  type SummaryRow,
} from './feature-rows.js';
import { planRanges, pruneBatches, type Filter } from '../../storage/scan/planner.js';

/** The objects of one dictionary, as pinned snapshots list them. */
export interface DictionaryObjects {
  /** Of the index commits: postings, features, top. Empty before the first range is compacted. */
  readonly indexed: readonly ObjectRecord[];
  /** Of the encode commits: acts and the shards' sorted runs (table postings). */
  readonly encoded: readonly ObjectRecord[];
  /** Of the tokens commits: tokens and documents. */
  readonly tokens: readonly ObjectRecord[];
  readonly packing: PackingOptions;
}

/** Which shards an answer rests on; null: the index, which covers all of its snapshot. */
export type Coverage = { readonly shards: number; readonly of: string } | null;

export interface TopList {
  /** Strongest first; at most one per context. */
  readonly examples: readonly Example[];
  readonly coverage: Coverage;
  readonly cost: ReadCounters;
}

export interface FeaturePostings {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  /** Halves. */
  readonly value: Uint16Array;
  readonly coverage: Coverage;
  readonly cost: ReadCounters;
}

export interface FeatureSummary extends SummaryRow {
  readonly coverage: Coverage;
  readonly cost: ReadCounters;
}

/** A dictionary ready for queries; reads the layout of `top` once. */
export async function openDictionary(
  store: ObjectStore,
  objects: DictionaryObjects,
  signal?: AbortSignal,
): Promise<Dictionary> {
  const first = objects.indexed.find((o) => o.table === 'top' && o.batches.length > 0);
  if (!first) return new Dictionary(store, objects, { top: {}, signal });
  const head = await store.getRange(first.key, 0, first.batches[0]?.offset ?? 0, { signal });
  return new Dictionary(store, objects, { top: readTableOptions(head, first.key).options, signal });
}

export class Dictionary {
  readonly store: ObjectStore;
  readonly objects: DictionaryObjects;
  readonly #options: { readonly top: TableOptions; readonly signal: AbortSignal | undefined };

  constructor(
    store: ObjectStore,
    objects: DictionaryObjects,
    options: { readonly top: TableOptions; readonly signal: AbortSignal | undefined },
  ) {
    this.store = store;
    this.objects = objects;
    this.#options = options;
  }

  /** The examples that the index keeps per feature; null before the first range is compacted. */
  get storedExamples(): number | null {
    return this.#options.top.k ?? null;
  }

  /**
   * The strongest examples of a feature, at most one per context, at most as many as the index keeps.
   * @throws InputError where there is no such feature
   */
  async top(feature: number, k: number): Promise<TopList> {
    this.#check(feature);
    const cost = newCounters();
    const objects = this.#indexed('top', feature);
    if (objects.length === 0) return this.#topOfRuns(feature, k, cost);
    const options = {
      ...this.#options.top,
      store: this.store,
      signal: this.#options.signal,
      counters: cost,
    };
    for await (const { columns } of readBatches('top', planRanges(objects, only(feature)), options)) {
      const row = columns.feature.indexOf(feature);
      if (row >= 0) return { examples: slotsOf(columns, row, k), coverage: null, cost };
    }
    return { examples: [], coverage: null, cost };
  }

  /** All firings of a feature in (doc, pos) order. @throws InputError where there is no such feature */
  async postings(feature: number): Promise<FeaturePostings> {
    this.#check(feature);
    const cost = newCounters();
    const compacted = this.#indexed('top', feature).length > 0;
    const objects = (compacted ? this.objects.indexed : this.objects.encoded).filter((o) => o.table === 'postings');
    const pieces = await this.#rowsOf(feature, objects, cost);
    if (!compacted) pieces.sort((a, b) => (a.doc[0] ?? 0) - (b.doc[0] ?? 0));
    return { ...joinRows(pieces), coverage: compacted ? null : this.#runCoverage(), cost };
  }

  /** All firings of a feature in pieces, none of which is held: in (doc, pos) order where the index covers it. */
  async *firings(feature: number): AsyncGenerator<FeatureRows> {
    this.#check(feature);
    const compacted = this.#indexed('top', feature).length > 0;
    const objects = (compacted ? this.objects.indexed : this.objects.encoded).filter((o) => o.table === 'postings');
    yield* this.#piecesOf(feature, objects, newCounters());
  }

  /** A feature's row of `features`; before compaction n and density from the shards' runs. @throws InputError as `top` */
  async summary(feature: number): Promise<FeatureSummary> {
    this.#check(feature);
    const cost = newCounters();
    const options = { store: this.store, signal: this.#options.signal, counters: cost };
    for await (const { columns } of readBatches(
      'features',
      planRanges(this.#indexed('features', feature), only(feature)),
      options,
    )) {
      const row = columns.feature.indexOf(feature);
      if (row >= 0) return { ...summaryRow(columns, row), coverage: null, cost };
    }
    const { doc, coverage, cost: runs } = await this.postings(feature);
    const rows = this.objects.encoded.reduce((sum, o) => (o.table === 'acts' ? sum + o.rows : sum), 0);
    const unknown = { max: null, mean: null, p50: null, p90: null, p99: null, topTokens: [] };
    return {
      feature,
      n: doc.length,
      density: rows === 0 ? 0 : doc.length / rows,
      ...unknown,
      silent: doc.length === 0,
      coverage,
      cost: runs,
    };
  }

  #check(feature: number): void {
    const last = Math.max(
      -1,
      ...this.objects.indexed.filter((o) => o.table === 'top').flatMap((o) => o.batches.map((b) => b.max)),
    );
    const known = last >= 0 ? `0 to ${last}` : '0 upwards';
    if (Number.isInteger(feature) && feature >= 0 && (last < 0 || feature <= last || this.#inRuns(feature))) return;
    throw new InputError(
      `Expected a feature number from ${known}, got ${feature}; \`assay describe DICT/features\` shows how many there are.`,
      { feature, last },
    );
  }

  /** Whether the index is incomplete and a shard's run has the feature. */
  #inRuns(feature: number): boolean {
    return this.objects.encoded.some((o) => o.table === 'postings' && pruneBatches(o, only(feature)).length > 0);
  }

  #indexed(table: 'top' | 'features', feature: number): ObjectRecord[] {
    return this.objects.indexed.filter((o) => o.table === table && pruneBatches(o, only(feature)).length > 0);
  }

  #runCoverage(): Coverage {
    const shards = new Set(this.objects.encoded.map((o) => o.shard)).size;
    return { shards, of: 'encoded shards, not yet compacted' };
  }

  async #rowsOf(feature: number, objects: readonly ObjectRecord[], cost: ReadCounters): Promise<FeatureRows[]> {
    const pieces: FeatureRows[] = [];
    for await (const piece of this.#piecesOf(feature, objects, cost)) pieces.push(piece);
    return pieces;
  }

  async *#piecesOf(
    feature: number,
    objects: readonly ObjectRecord[],
    counters: ReadCounters,
  ): AsyncGenerator<FeatureRows> {
    const options = { store: this.store, signal: this.#options.signal, counters };
    for await (const { columns, range } of readBatches('postings', planRanges(objects, only(feature)), options)) {
      const piece = rowsOfFeature(columns, feature);
      if (piece.doc.length > 0) yield { ...piece, shard: range.object.shard };
    }
  }

  async #topOfRuns(feature: number, k: number, cost: ReadCounters): Promise<TopList> {
    const pieces = await this.#rowsOf(
      feature,
      this.objects.encoded.filter((o) => o.table === 'postings'),
      cost,
    );
    const best: Example[] = [];
    for (const shard of new Set(pieces.map((piece) => piece.shard))) {
      const rows = joinRows(pieces.filter((piece) => piece.shard === shard));
      best.push(...bestPerContext(rows, await this.#contextNames(shard, cost)));
    }
    best.sort((a, b) => b.value - a.value || a.doc - b.doc || a.pos - b.pos);
    return { examples: best.slice(0, k), coverage: this.#runCoverage(), cost };
  }

  /** A function that names the context of (doc, pos) within its shard. */
  async #contextNames(shard: string, cost: ReadCounters): Promise<(doc: number, pos: number) => string> {
    const { packing, tokens } = this.objects;
    if (packing.packing === 'document') return (doc, pos) => `${doc}/${contextInDocument(pos, packing)}`;
    const own = tokens.filter((o) => o.table === 'tokens' && o.shard === shard);
    const starts = new Map<number, number>();
    const lengths: number[] = [0];
    const options = { store: this.store, signal: this.#options.signal, counters: cost };
    for await (const { columns } of readBatches('tokens', planRanges(own, {}), options)) {
      columns.doc.forEach((doc, row) => {
        const at = lengths.at(-1) as number;
        starts.set(doc, at);
        lengths.push(at + (columns.offsets[row + 1] as number) - (columns.offsets[row] as number));
      });
    }
    const { contexts } = packContexts(Uint32Array.from(lengths), packing);
    return (doc, pos) => String(contexts[(starts.get(doc) ?? 0) + pos]);
  }
}

function only(feature: number): Filter {
  return { feature: { from: feature, to: feature + 1 } };
}
