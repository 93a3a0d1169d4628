// The strongest examples of a feature as text, and how much of the data they rest on.
import type { z } from 'zod';
import type { topDocument } from '../../schemas/documents/features.js';
import { splitName } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters, type ReadCounters } from '../../storage/scan/batch-reader.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { leftOut, type LeftOut } from '../datasets/left-out.js';
import { openLabels } from '../labels/feature-labels.js';
import { unbeatenControls } from '../metrics/controls.js';
import { routingField } from './routing.js';
import { readNeighbours, readPromoted } from '../card/card-tables.js';
import type { Coverage, Dictionary } from './dictionary.js';
import { openPinnedDictionary, type OpenedDictionary } from './open-dictionary.js';
import { profileObjects } from './profile-tables.js';
import { openRunTokenizer } from './run-tokenizer.js';
import { renderExamples } from './rendered-examples.js';

type TopDocument = z.infer<typeof topDocument>;

export interface TopRequest {
  readonly name: DictionaryName;
  readonly feature: number;
  /** Examples. */
  readonly k: number;
  /** Tokens on either side. */
  readonly context: number;
  /** Folder for copies of stored files. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
}

export interface TopAnswer {
  readonly document: TopDocument;
  /** Said beside the answer: coverage of growing data, fewer examples than asked for. */
  readonly note: string | null;
  readonly leftOut: LeftOut;
}

/** The examples of a stored dictionary. @throws InputError where there is no such feature */
export async function readTop(store: ObjectStore, request: TopRequest): Promise<TopAnswer> {
  const { name, feature, k, context } = request;
  const opened = await openPinnedDictionary(store, name, request.signal);
  const dict = `${name.run}/${name.dictionary}`;
  const textsOf = async (ids: readonly number[]): Promise<(string | null)[]> =>
    ids.length === 0 ? [] : (await openRunTokenizer(store, opened, request)).textsOf(ids);
  const { document, coverage } = await describeTop(opened.dictionary, { dict, feature, k, around: context, textsOf });
  const { acts } = opened;
  const growing = coverage !== null || !acts.complete;
  const labels = await openLabels(store, name);
  const tables = { store, profile: await profileObjects(store, opened), feature };
  return {
    document: {
      ...document,
      label: (await labels.of([feature])).get(feature) ?? null,
      promoted: await readPromoted(tables, textsOf),
      neighbours: await readNeighbours(tables, labels),
      unbeaten: await unbeatenControls(store, name),
      ...(await routingField(store, name)),
      ...(growing ? { coverage: { shards: acts.commits, planned: acts.planned } } : {}),
    },
    note:
      [growing ? growingNote(opened, coverage === null) : null, keptNote(opened, k)]
        .filter((text) => text !== null)
        .join('\n') || null,
    leftOut: await leftOut(store, acts),
  };
}

export interface FeatureRequest {
  /** Name of the dictionary, as it is to be shown. */
  readonly dict: string;
  readonly feature: number;
  /** Examples wanted. */
  readonly k: number;
  /** Tokens shown on each side of an example. */
  readonly around: number;
  /** What token ids stand for by themselves. */
  readonly textsOf: (ids: readonly number[]) => Promise<readonly (string | null)[]>;
}

export interface DescribedTop {
  readonly document: TopDocument;
  readonly coverage: Coverage;
  readonly cost: ReadCounters;
}

/** The `assay top` document of one feature, and what it cost. @throws InputError where there is no such feature */
export async function describeTop(dictionary: Dictionary, request: FeatureRequest): Promise<DescribedTop> {
  const { dict, feature, k, around, textsOf } = request;
  const [{ n, density, topTokens, cost: summary }, list] = await Promise.all([
    dictionary.summary(feature),
    dictionary.top(feature, k),
  ]);
  const rendering = newCounters();
  const rendered = await renderExamples(dictionary, { feature, examples: list.examples, around }, rendering);
  const texts = await textsOf(topTokens.map(({ token }) => token));
  const examples = rendered.map((example) => ({
    ...example,
    split: splitName.parse(example.split),
    tokens: [...example.tokens],
    values: [...example.values],
  }));
  return {
    document: {
      ...{ dict, feature, n, density, label: null, unbeaten: [], promoted: null, neighbours: null },
      topTokens: topTokens.map(({ token, n }, i) => ({ id: token, token: texts[i] ?? null, n })),
      examples,
    },
    coverage: list.coverage,
    cost: addCounters([summary, list.cost, rendering]),
  };
}

function growingNote({ acts, name }: OpenedDictionary, indexed: boolean): string {
  const planned = acts.planned === null ? '' : ` of ${acts.planned}`;
  const source = indexed ? 'The index' : "The shards' own lists (the index is not made yet)";
  return `${source} covers ${acts.commits}${planned} shards of ${name.run}/${name.dictionary} so far.`;
}

function keptNote({ dictionary }: OpenedDictionary, k: number): string | null {
  const kept = dictionary.storedExamples;
  return kept === null || k <= kept
    ? null
    : `The index keeps ${kept} examples per feature (index.topExamples), ${k} were asked for.`;
}

function addCounters(all: readonly ReadCounters[]): ReadCounters {
  const sum = newCounters();
  for (const { bytesFetched, requests, batchesScanned } of all) {
    sum.bytesFetched += bytesFetched;
    sum.requests += requests;
    sum.batchesScanned += batchesScanned;
  }
  return sum;
}
