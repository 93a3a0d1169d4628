// Cards of features: all that a person needs to name one. Gathers what the index and the tables beside it say; what a dictionary does
// not have is null, never guessed.
import type { z } from 'zod';
import { sitesText } from '../../core/dictionaries/sites.js';
import type { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import type { cardDocument } from '../../schemas/documents/cards.js';
import { InputError } from '../../schemas/errors.js';
import { splitName } from '../../schemas/records.js';
import { sitesOfDictionary } from '../../stages/train/dictionary.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import { newCounters } from '../../storage/scan/batch-reader.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { leftOut, type LeftOut } from '../datasets/left-out.js';
import { coveredSplits } from '../dictionary/covered-splits.js';
import type { Example } from '../dictionary/feature-rows.js';
import { openPinnedDictionary, type OpenedDictionary } from '../dictionary/open-dictionary.js';
import { profileObjects, type ProfileObjects } from '../dictionary/profile-tables.js';
import { renderExamples } from '../dictionary/rendered-examples.js';
import { openRunTokenizer } from '../dictionary/run-tokenizer.js';
import { readFeatureColumns } from '../features/feature-columns.js';
import { openLabels, type FeatureLabels } from '../labels/feature-labels.js';
import { routingField } from '../dictionary/routing.js';
import { unbeatenControls } from '../metrics/controls.js';
import { readBandedExamples } from './banded-examples.js';
import { readNeighbours, readPromoted, type FeatureCard } from './card-tables.js';
import { ValueCounts } from './histogram.js';
import { sampleFeatures } from './sample-features.js';

export type CardDocument = z.infer<typeof cardDocument>;

/** One feature, or some of those that fire, drawn by a key. */
export type CardChoice = { readonly feature: number } | { readonly sample: number; readonly key: string };

export interface CardRequest {
  readonly name: DictionaryName;
  readonly choice: CardChoice;
  /** Tokens shown on each side of an example. */
  readonly around: number;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
}

export interface CardAnswer {
  readonly document: CardDocument;
  readonly note: string | null;
  readonly leftOut: LeftOut;
}

/** @throws InputError where there is no such feature, and where none fires among which to draw */
export async function readCards(store: ObjectStore, request: CardRequest): Promise<CardAnswer> {
  const { name, signal } = request;
  const opened = await openPinnedDictionary(store, name, signal);
  const { features, sample } = await chosen(store, opened, request);
  const scope: Scope = {
    ...{ store, opened, around: request.around },
    profile: await profileObjects(store, opened),
    labels: await openLabels(store, name),
    tokenizer: await openRunTokenizer(store, opened, request),
  };
  const cards: FeatureCard[] = [];
  for (const feature of features) cards.push(await cardOf(scope, feature));
  const { acts } = opened;
  const growing = !acts.complete;
  return {
    document: {
      ...{ dict: `${name.run}/${name.dictionary}`, site: await siteOf(store, opened) },
      ...{ splits: await coveredSplits(store, acts), sample, cards, html: null },
      unbeaten: await unbeatenControls(store, name),
      ...(await routingField(store, name)),
      ...(growing ? { coverage: { shards: acts.commits, planned: acts.planned } } : {}),
    },
    note: growing ? `It rests on ${acts.commits} of ${acts.planned ?? 'an unknown number of'} shards so far.` : null,
    leftOut: await leftOut(store, acts),
  };
}

interface Scope {
  readonly store: ObjectStore;
  readonly opened: OpenedDictionary;
  readonly around: number;
  readonly profile: ProfileObjects;
  readonly labels: FeatureLabels;
  readonly tokenizer: Tokenizer;
}

async function chosen(
  store: ObjectStore,
  { dictionary, name }: OpenedDictionary,
  { choice, signal }: CardRequest,
): Promise<{ readonly features: readonly number[]; readonly sample: CardDocument['sample'] }> {
  if ('feature' in choice) return { features: [choice.feature], sample: null };
  const tables = { store, objects: dictionary.objects.indexed, counters: newCounters(), signal };
  const { feature, n } = await readFeatureColumns(tables);
  const live = feature.filter((_, row) => (n[row] as number) > 0);
  const given = `${name.run}/${name.dictionary}`;
  if (live.length === 0)
    throw new InputError(
      `Expected features of ${given} that fire, to draw some of them, found none; wait for the stage index (\`assay status ${name.run}\`).`,
      { dictionary: given },
    );
  return { features: sampleFeatures(live, choice.sample, choice.key), sample: { key: choice.key, of: live.length } };
}

async function siteOf(store: ObjectStore, { name, acts }: OpenedDictionary): Promise<string> {
  const run = await readResolvedRun(store, { name: name.run, revision: acts.revision });
  const own = run.dictionaries.find((one) => one.name === name.dictionary);
  return own === undefined ? '' : sitesText(sitesOfDictionary(run, own));
}

async function cardOf(scope: Scope, feature: number): Promise<FeatureCard> {
  const { store, opened, profile, labels, tokenizer } = scope;
  const { n, density, mean, p50, p90, p99, topTokens } = await opened.dictionary.summary(feature);
  const values = new ValueCounts();
  for await (const { value } of opened.dictionary.firings(feature)) values.add(value);
  const { max } = values;
  const texts = tokenizer.textsOf(topTokens.map(({ token }) => token));
  return {
    ...{ feature, label: (await labels.of([feature])).get(feature) ?? null },
    ...{ n, density, max, mean, p50, p90, p99, histogram: values.histogram() },
    topTokens: topTokens.map((one, i) => ({ id: one.token, token: texts[i] ?? null, n: one.n, share: one.n / n })),
    ...(await examplesOf(scope, feature, max)),
    promoted: await readPromoted({ store, profile, feature }, (ids) => Promise.resolve(tokenizer.textsOf(ids))),
    neighbours: await readNeighbours({ store, profile, feature }, labels),
  };
}

/** Examples of all bands with their texts. */
async function examplesOf(
  { opened, profile, around }: Scope,
  feature: number,
  max: number | null,
): Promise<Pick<FeatureCard, 'bands' | 'quiet' | 'drawnFrom'>> {
  const { dictionary } = opened;
  const asked = { dictionary, feature, max: max ?? 0, objects: profile.bands };
  const { bands, quiet, drawnFrom } = await readBandedExamples(asked);
  const all: readonly Example[] = [...bands.flatMap(({ examples }) => examples), ...quiet];
  const rendered = await renderExamples(dictionary, { feature, examples: all, around }, newCounters());
  const shown = rendered.map((example) => ({
    ...{ ...example, split: splitName.parse(example.split) },
    ...{ tokens: [...example.tokens], values: [...example.values] },
  }));
  let at = 0;
  return {
    bands: bands.map(({ band, n, examples }) => ({ band, n, examples: shown.slice(at, (at += examples.length)) })),
    quiet: shown.slice(at),
    drawnFrom,
  };
}
