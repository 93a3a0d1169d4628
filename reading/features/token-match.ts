// Which features fire on a token, with precision and recall: what is counted (token-firings.ts) beside what the index says.
import type { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import type { RowRule } from '../../stages/profile/row-places.js';
import type { FeaturesDocument } from './list-features.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { OpenedDictionary } from '../dictionary/open-dictionary.js';
import { activationKeyOf } from '../dictionary/snapshots.js';
import { keyFields } from '../runs/stage-keys.js';
import { readFeatureColumns, type FeatureColumns, type FeatureTables } from './feature-columns.js';
import { f1 } from './feature-order.js';
import { givenToken } from './given-token.js';
import { countTokenFirings } from './token-firings.js';

type OnToken = NonNullable<FeaturesDocument['list'][number]['onToken']>;

export interface TokenMatch {
  readonly described: NonNullable<FeaturesDocument['token']>;
  /** Rows of the columns whose features fire on the token. */
  readonly rows: readonly number[];
  /** By row: F1 of precision and recall. */
  readonly match: Float64Array;
  of(row: number): OnToken;
}

export interface TokenRequest {
  readonly text: string;
  readonly opened: OpenedDictionary;
  readonly tokenizer: Tokenizer;
  readonly tables: FeatureTables;
  readonly blocking: <T>(work: () => T) => T;
}

/** The columns, and what fires on the token. @throws InputError where the text is no token */
export async function matchToken(
  store: ObjectStore,
  request: TokenRequest,
): Promise<{ readonly columns: FeatureColumns; readonly token: TokenMatch }> {
  const { tokenizer, tables, opened, blocking } = request;
  const given = givenToken(tokenizer, request.text, (text) => blocking(() => tokenizer.encode(text)).ids);
  const { indexed, encoded, tokens } = opened.dictionary.objects;
  const stated = new Float64Array(indexed.reduce((sum, { table, rows }) => sum + (table === 'features' ? rows : 0), 0));
  const wanted = new Set(given.ids);
  const columns = await readFeatureColumns(tables, ({ topTokens, feature }, at) => {
    for (let row = 0; row < feature.length; row++)
      for (let i = topTokens.offsets[row] as number; i < (topTokens.offsets[row + 1] as number); i++)
        if (wanted.has(topTokens.token[i] as number))
          stated[at + row] = (stated[at + row] ?? 0) + (topTokens.n[i] ?? 0);
  });
  const counted = await countTokenFirings({
    ...{ ids: given.ids, tokens, acts: encoded, features: (columns.feature.at(-1) ?? -1) + 1 },
    rows: await storedRowsOf(store, opened),
    read: tables,
  });
  // An index of fewer shards than are encoded by now is told by itself.
  const exact = counted.firings !== null && indexedRows(columns) === encodedRows(encoded);
  const firings = exact ? Float64Array.from(columns.feature, (feature) => counted.firings?.[feature] ?? 0) : stated;
  const rows = exact || indexedRows(columns) === encodedRows(encoded) ? counted.rows : null;
  return { columns, token: matchOf(columns, { ...given, firings, rows, method: exact ? 'acts' : 'top_tokens' }) };
}

function matchOf(
  columns: FeatureColumns,
  { firings, ...described }: TokenMatch['described'] & { readonly firings: Float64Array },
): TokenMatch {
  const of = (row: number): OnToken => {
    const n = firings[row] as number;
    return { n, precision: n / (columns.n[row] as number), recall: recallOf(n, described.rows) };
  };
  const rows = Array.from(firings.keys()).filter((row) => (firings[row] as number) > 0);
  const match = new Float64Array(firings.length);
  for (const row of rows) {
    const { precision, recall } = of(row);
    match[row] = f1(precision, recall);
  }
  return { described, rows, match, of };
}

function recallOf(n: number, rows: number | null): number | null {
  return rows === null || rows === 0 ? null : n / rows;
}

/** Stored rows that densities rest on, from the busiest feature; null where none fires. */
function indexedRows({ n, density }: FeatureColumns): number | null {
  const row = n.indexOf(n.reduce((most, one) => Math.max(most, one), 0));
  const busiest = n[row] ?? 0;
  return busiest === 0 ? null : Math.round(busiest / (density[row] as number));
}

function encodedRows(objects: OpenedDictionary['dictionary']['objects']['encoded']): number {
  return objects.reduce((sum, { table, rows }) => sum + (table === 'acts' ? rows : 0), 0);
}

/** Which positions and tokens have rows, as the activations' key says. */
async function storedRowsOf(store: ObjectStore, { acts, dictionary }: OpenedDictionary): Promise<RowRule> {
  const key = activationKeyOf(await keyFields(store, 'encode', acts.key));
  const fields = key === null ? {} : await keyFields(store, 'activations', key);
  const numbers = (value: unknown): number[] => (Array.isArray(value) ? value.map(Number) : []);
  return {
    packing: dictionary.objects.packing,
    dropPositions: numbers(fields['dropPositions']),
    dropTokens: numbers(fields['dropTokens']),
  };
}
