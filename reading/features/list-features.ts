// Lists the features of a dictionary: filters, sorts and describes those that are shown. What is held of all features are columns.
import type { z } from 'zod';
import type { featuresDocument } from '../../schemas/documents/feature-list.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters } from '../../storage/scan/batch-reader.js';
import type { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { leftOut, type LeftOut } from '../datasets/left-out.js';
import { coveredSplits } from '../dictionary/covered-splits.js';
import { openPinnedDictionary, type OpenedDictionary } from '../dictionary/open-dictionary.js';
import { openRunTokenizer } from '../dictionary/run-tokenizer.js';
import { routingField } from '../dictionary/routing.js';
import { summaryRow, type SummaryRow } from '../dictionary/feature-rows.js';
import { openLabels, type FeatureLabels } from '../labels/feature-labels.js';
import { unbeatenControls } from '../metrics/controls.js';
import {
  readFeatureColumns,
  readFeatureRows,
  rowOf,
  type FeatureColumns,
  type FeatureTables,
} from './feature-columns.js';
import { orderFeatures, type FeatureOrder, type Sort } from './feature-order.js';
import { nearestFeatures } from './nearest-features.js';
import { matchToken, type TokenMatch } from './token-match.js';

export type FeaturesDocument = z.infer<typeof featuresDocument>;

export interface FeaturesRequest {
  readonly name: DictionaryName;
  /** Null: by density, or by how well they fit the token or the other feature. */
  readonly sort: Sort | null;
  readonly limit: number;
  readonly offset: number;
  readonly token: string | null;
  readonly like: number | null;
  /** Part of a label, whatever its case. */
  readonly label: string | null;
  readonly dead: boolean;
  readonly dense: boolean;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  /** Does work that lets nothing else happen: a tokenizer's pattern may take for ever. */
  readonly blocking: <T>(work: () => T) => T;
}

export interface FeaturesAnswer {
  readonly document: FeaturesDocument;
  readonly note: string | null;
  readonly leftOut: LeftOut;
}

/** @throws InputError before the index has a feature, for an unknown token, and for a feature that is not there */
export async function listFeatures(store: ObjectStore, request: FeaturesRequest): Promise<FeaturesAnswer> {
  const opened = await openPinnedDictionary(store, request.name, request.signal);
  if (opened.index === null) throw notIndexed(request.name);
  const labels = await openLabels(store, request.name);
  const tokenizer = await openRunTokenizer(store, opened, request);
  const scope: Scope = { store, request, opened, labels, tokenizer };
  const found = await findFeatures(scope);
  const list = await describeFeatures(scope, found, found.order.first.subarray(request.offset));
  const growing = !opened.acts.complete || !opened.index.complete;
  const { commits, planned } = opened.acts;
  return {
    document: {
      dict: `${request.name.run}/${request.name.dictionary}`,
      features: found.columns.feature.length,
      matching: found.order.matching,
      ...{ sort: found.sort, offset: request.offset, splits: await coveredSplits(store, opened.acts) },
      ...(found.token === null ? {} : { token: found.token.described }),
      ...(found.like === null ? {} : { like: found.like.described }),
      list,
      unbeaten: await unbeatenControls(store, request.name),
      ...(await routingField(store, request.name)),
      ...(growing ? { coverage: { shards: commits, planned } } : {}),
    },
    note: growing ? `The list rests on ${commits} of ${planned ?? 'an unknown number of'} shards so far.` : null,
    leftOut: await leftOut(store, opened.acts),
  };
}

interface Scope {
  readonly store: ObjectStore;
  readonly request: FeaturesRequest;
  readonly opened: OpenedDictionary;
  readonly labels: FeatureLabels;
  readonly tokenizer: Tokenizer;
}

interface Like {
  readonly described: NonNullable<FeaturesDocument['like']>;
  /** By feature. */
  readonly cosine: ReadonlyMap<number, number>;
}

interface Found {
  readonly columns: FeatureColumns;
  readonly order: FeatureOrder;
  readonly sort: Sort;
  readonly token: TokenMatch | null;
  readonly like: Like | null;
}

async function findFeatures(scope: Scope): Promise<Found> {
  const { request } = scope;
  const { columns, token } = await readColumns(scope);
  const like = request.like === null ? null : await likeOf(scope, columns, request.like);
  const sort = request.sort ?? (token !== null || like !== null ? 'match' : 'density');
  const match = token?.match ?? (like === null ? null : cosines(columns, like));
  const rows = await filteredRows(scope, columns, { token, like });
  const { dead, dense, offset, limit } = request;
  const order = orderFeatures(columns, { sort, match, rows, dead, dense, most: offset + limit });
  return { columns, order, sort, token, like };
}

async function readColumns(scope: Scope): Promise<{ columns: FeatureColumns; token: TokenMatch | null }> {
  const { request } = scope;
  const tables = tablesOf(scope);
  if (request.token === null) return { columns: await readFeatureColumns(tables), token: null };
  const { opened, tokenizer, store } = scope;
  return matchToken(store, { ...request, opened, tokenizer, tables, text: request.token });
}

function tablesOf({ store, opened, request }: Scope): FeatureTables {
  return { store, objects: opened.dictionary.objects.indexed, counters: newCounters(), signal: request.signal };
}

async function likeOf({ store, request, opened }: Scope, columns: FeatureColumns, feature: number): Promise<Like> {
  if (rowOf(columns, feature) < 0) throw noFeature(columns, feature);
  const most = request.offset + request.limit;
  const { cacheFolder, signal } = request;
  const { method, nearest } = await nearestFeatures(store, { opened, feature, most, cacheFolder, signal });
  return {
    described: { feature, method },
    cosine: new Map(nearest.map(({ feature: near, cosine }) => [near, cosine])),
  };
}

function cosines(columns: FeatureColumns, { cosine }: Like): Float64Array {
  const values = new Float64Array(columns.feature.length).fill(-Infinity);
  for (const [feature, value] of cosine) {
    const row = rowOf(columns, feature);
    if (row >= 0) values[row] = value;
  }
  return values;
}

/** Rows that token, other feature and label leave; null where none of them is asked for. */
async function filteredRows(
  { labels, request }: Scope,
  columns: FeatureColumns,
  { token, like }: Pick<Found, 'token' | 'like'>,
): Promise<Uint32Array | null> {
  const sets: Set<number>[] = [];
  if (token !== null) sets.push(new Set(token.rows));
  if (like !== null) sets.push(rowsOf(columns, like.cosine.keys()));
  if (request.label !== null) {
    const part = request.label.toLowerCase();
    const named = await labels.where(({ label }) => label.toLowerCase().includes(part));
    sets.push(rowsOf(columns, named.keys()));
  }
  const [first, ...others] = sets;
  if (first === undefined) return null;
  return Uint32Array.from([...first].filter((row) => others.every((set) => set.has(row)))).sort();
}

function rowsOf(columns: FeatureColumns, features: Iterable<number>): Set<number> {
  const rows = [...features].map((feature) => rowOf(columns, feature));
  return new Set(rows.filter((row) => row >= 0));
}

/** What is shown of the rows, in their order. */
async function describeFeatures(scope: Scope, found: Found, rows: Uint32Array): Promise<FeaturesDocument['list']> {
  const { labels, tokenizer } = scope;
  const features = Array.from(rows, (row) => found.columns.feature[row] as number);
  const summaries = new Map<number, SummaryRow>();
  await readFeatureRows(tablesOf(scope), features, (columns, row) => {
    summaries.set(columns.feature[row] as number, summaryRow(columns, row));
  });
  const ids = [...new Set([...summaries.values()].flatMap(({ topTokens }) => topTokens.map(({ token }) => token)))];
  const texts = new Map(tokenizer.textsOf(ids).map((text, i) => [ids[i] as number, text]));
  const named = await labels.of(features);
  return Array.from(rows, (row) => {
    const feature = found.columns.feature[row] as number;
    const { n, density, max, topTokens } = summaries.get(feature) as SummaryRow;
    const onToken = found.token?.of(row);
    const cosine = found.like?.cosine.get(feature);
    return {
      ...{ feature, n, density, max },
      topTokens: topTokens.map((one) => ({
        ...{ id: one.token, token: texts.get(one.token) ?? null, n: one.n },
        share: one.n / n,
      })),
      label: named.get(feature) ?? null,
      ...(onToken === undefined ? {} : { onToken }),
      ...(cosine === undefined ? {} : { cosine }),
    };
  });
}

function noFeature({ feature }: FeatureColumns, given: number): InputError {
  const last = feature.at(-1) ?? -1;
  return new InputError(`Expected a feature number from 0 to ${last} in --like, got ${given}.`, {
    feature: given,
    last,
  });
}

function notIndexed({ run, dictionary }: DictionaryName): InputError {
  const given = `${run}/${dictionary}`;
  return new InputError(
    `Expected a dictionary whose features are indexed, found that ${given} has none yet; wait for the stage index (\`assay status ${run}\`).`,
    { dictionary: given },
  );
}
