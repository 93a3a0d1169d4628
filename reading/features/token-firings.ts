// How often each feature fires on a token, of how many stored rows of it.
//   precision(f, t) = firings of f on t / firings of f
//   recall(f, t)    = firings of f on t / stored rows of t
// All over the stored rows of every split. By `acts`: counted on every stored row of the token, exact for every feature. By
// `top_tokens`, where that would read too much: exact for the features among whose ten most frequent tokens it is, and the others
// are not told. Proof: tests/unit/cli/features.test.ts, against a scan of all rows.
import type { ObjectRecord } from '../../schemas/records.js';
import { readBatches, type ReadOptions } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import { RowPlaces, type RowRule } from '../../stages/profile/row-places.js';

/** Bytes of `acts` above which firings are taken from `top_tokens`. */
const MOST_BYTES = 2 ** 30;
/** Occurrences whose places are held, 4 bytes each. */
const MOST_OCCURRENCES = 2 ** 26;

export interface TokenSearch {
  readonly ids: readonly number[];
  readonly tokens: readonly ObjectRecord[];
  readonly acts: readonly ObjectRecord[];
  /** Of the dictionary. */
  readonly features: number;
  readonly rows: RowRule;
  readonly read: ReadOptions;
  readonly mostBytes?: number;
}

export interface TokenFirings {
  /** Stored rows of the token; null where they cannot be told. */
  readonly rows: number | null;
  /** [features]; null where that would read too much. */
  readonly firings: Float64Array | null;
}

/** Positions of the token by document. */
type Places = Map<number, Uint32Array>;

/** Firings on every stored row of the token where that reads no more than `mostBytes` of acts. */
export async function countTokenFirings(search: TokenSearch): Promise<TokenFirings> {
  const { places, rows } = await findPlaces(search);
  if (places === null) return { rows, firings: null };
  const plan = planRanges(
    search.acts.filter(({ table }) => table === 'acts'),
    { doc: { in: [...places.keys()] } },
  );
  const bytes = plan.reduce((sum, { length }) => sum + length, 0);
  if (bytes > (search.mostBytes ?? MOST_BYTES)) return { rows, firings: null };
  const firings = new Float64Array(search.features);
  let found = 0;
  for await (const { columns } of readBatches('acts', plan, search.read)) {
    const { doc, pos, features } = columns;
    for (let row = 0; row < doc.length; row++) {
      const own = places.get(doc[row] as number);
      if (own === undefined || !holds(own, pos[row] as number)) continue;
      found++;
      const end = features.offsets[row + 1] as number;
      for (let i = features.offsets[row] as number; i < end; i++) {
        const feature = features.feature[i] as number;
        firings[feature] = (firings[feature] ?? 0) + 1;
      }
    }
  }
  return { rows: found, firings };
}

interface Found {
  /** Null where there are too many to hold. */
  readonly places: Places | null;
  readonly rows: number | null;
}

/** Where the token stands, shard by shard, and how many of its occurrences have a row. */
async function findPlaces(search: TokenSearch): Promise<Found> {
  const encoded = rowsByShard(search.acts);
  const shards = new Set(search.tokens.filter((o) => o.table === 'tokens' && encoded.has(o.shard)).map((o) => o.shard));
  const places: Places = new Map();
  let [rows, known, held] = [0, true, 0];
  for (const shard of shards) {
    const found = await placesInShard(search, shard);
    rows += found.rows;
    known &&= found.allRows === encoded.get(shard);
    held += found.occurrences;
    if (held <= MOST_OCCURRENCES) for (const [doc, own] of found.places) places.set(doc, own);
  }
  return { places: held <= MOST_OCCURRENCES ? places : null, rows: known ? rows : null };
}

function rowsByShard(acts: readonly ObjectRecord[]): Map<string, number> {
  const rows = new Map<string, number>();
  for (const { table, shard, rows: own } of acts) if (table === 'acts') rows.set(shard, (rows.get(shard) ?? 0) + own);
  return rows;
}

interface ShardPlaces {
  readonly places: Places;
  readonly occurrences: number;
  /** Stored rows of the token, and of all tokens, by the rule of the activations stage. */
  readonly rows: number;
  readonly allRows: number;
}

async function placesInShard({ ids, tokens, rows: rule, read }: TokenSearch, shard: string): Promise<ShardPlaces> {
  const own = tokens.filter((object) => object.table === 'tokens' && object.shard === shard);
  const places: Places = new Map();
  const tables: TableColumns['tokens'][] = [];
  let occurrences = 0;
  for await (const { columns } of readBatches('tokens', planRanges(own, {}), read)) {
    columns.doc.forEach((doc, row) => {
      const found = positionsOf(columns.ids.subarray(columns.offsets[row], columns.offsets[row + 1]), ids);
      if (found.length > 0) places.set(doc, found);
      occurrences += found.length;
    });
    tables.push(columns);
  }
  let rows = 0;
  const allRows = new RowPlaces(rule).add(tables, (token) => (rows += ids.includes(token) ? 1 : 0));
  return { places, occurrences, rows, allRows };
}

function positionsOf(document: Uint32Array, ids: readonly number[]): Uint32Array {
  const found: number[] = [];
  document.forEach((id, pos) => {
    if (ids.includes(id)) found.push(pos);
  });
  return Uint32Array.from(found);
}

function holds(sorted: Uint32Array, value: number): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value;
}
