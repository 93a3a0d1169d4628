// Gives, removes and lists labels of the features of a dictionary. They belong to its digest: every run that holds the same dictionary
// shows them.
import type { z } from 'zod';
import type { labelDocument } from '../../schemas/documents/labels.js';
import { InputError } from '../../schemas/errors.js';
import { changeUserLabels } from '../../storage/labels/user-labels.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { storedDictionary, type StoredDictionary } from '../dictionary/stored-weights.js';
import { labelsOf, type FeatureLabel } from './feature-labels.js';
import type { GivenLabel } from './label-file.js';

export type LabelDocument = z.infer<typeof labelDocument>;

/** The labels as they stand after these were given. @throws InputError where the dictionary has no such feature: nothing is changed */
export async function giveLabels(
  store: ObjectStore,
  {
    name,
    labels,
    signal,
  }: { readonly name: DictionaryName; readonly labels: readonly GivenLabel[]; signal: AbortSignal },
): Promise<LabelDocument> {
  const dictionary = await storedDictionary(store, name);
  for (const { feature } of labels) checkFeature(dictionary, feature);
  let changed = 0;
  await changeUserLabels(store, {
    ...{ dictionary: dictionary.digest, signal },
    change: (standing) => {
      changed = labels.filter(({ feature, label }) => standing.get(feature) !== label).length;
      for (const { feature, label } of labels) standing.set(feature, label);
    },
  });
  return describe(store, dictionary, { changed, of: labels.map(({ feature }) => feature) });
}

/** What the feature is called once its user label is gone. @throws InputError where users gave it none */
export async function removeLabel(
  store: ObjectStore,
  { name, feature, signal }: { readonly name: DictionaryName; readonly feature: number; signal: AbortSignal },
): Promise<LabelDocument> {
  const dictionary = await storedDictionary(store, name);
  checkFeature(dictionary, feature);
  let changed = 0;
  await changeUserLabels(store, {
    ...{ dictionary: dictionary.digest, signal },
    change: (standing) => {
      changed = standing.delete(feature) ? 1 : 0;
    },
  });
  const given = `${name.run}/${name.dictionary}`;
  if (changed === 0)
    throw new InputError(
      `Expected feature ${feature} of ${given} to have a label that somebody gave, found none; \`assay label ${given}\` lists those that there are.`,
      { dictionary: given, feature },
    );
  return describe(store, dictionary, { changed, of: [feature] });
}

/** The label of one feature, or all labels. @param limit of all; the first by feature */
export async function listLabels(
  store: ObjectStore,
  { name, feature, limit }: { readonly name: DictionaryName; readonly feature: number | null; readonly limit: number },
): Promise<LabelDocument> {
  const dictionary = await storedDictionary(store, name);
  if (feature !== null) {
    checkFeature(dictionary, feature);
    return describe(store, dictionary, { changed: 0, of: [feature] });
  }
  const all = await (await labelsOf(store, dictionary)).where(() => true);
  return documentOf(dictionary, { changed: 0, total: all.size, found: [...all].slice(0, limit) });
}

async function describe(
  store: ObjectStore,
  dictionary: StoredDictionary,
  { changed, of }: { readonly changed: number; readonly of: readonly number[] },
): Promise<LabelDocument> {
  const found = await (await labelsOf(store, dictionary)).of(of);
  return documentOf(dictionary, { changed, total: found.size, found: [...found].sort(([a], [b]) => a - b) });
}

function documentOf(
  { name, digest }: StoredDictionary,
  of: Pick<LabelDocument, 'changed' | 'total'> & { readonly found: readonly (readonly [number, FeatureLabel])[] },
): LabelDocument {
  return {
    dict: `${name.run}/${name.dictionary}`,
    dictionary: digest,
    changed: of.changed,
    total: of.total,
    labels: of.found.map(([feature, label]) => ({ feature, ...label })),
  };
}

/** @throws InputError where the dictionary has no such feature */
export function checkFeature({ name, features }: StoredDictionary, feature: number): void {
  if (feature < features) return;
  throw new InputError(
    `Expected a feature number from 0 to ${features - 1}, got ${feature}; ${name.run}/${name.dictionary} has ${features} features.`,
    { feature, last: features - 1 },
  );
}
