// What the features of a dictionary are called: labels that were made automatically, and those that users gave, which override them.
// Reads only the batches that hold the features asked for.
import type { z } from 'zod';
import type { featureLabel } from '../../schemas/documents/labels.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { UserLabels } from '../../storage/labels/user-labels.js';
import { readUserLabels } from '../../storage/labels/user-labels.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters, readBatches } from '../../storage/scan/batch-reader.js';
import { planRanges, type Filter } from '../../storage/scan/planner.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { profileObjects } from '../dictionary/profile-tables.js';
import { pinDictionary } from '../dictionary/snapshots.js';
import { storedDictionary, type StoredDictionary } from '../dictionary/stored-weights.js';

export type FeatureLabel = z.infer<typeof featureLabel>;

export interface LabelSources {
  readonly store: ObjectStore;
  /** Of the table of automatic labels; none where it was not made. */
  readonly automatic: readonly ObjectRecord[];
  readonly user: UserLabels;
}

export class FeatureLabels {
  readonly #sources: LabelSources;

  constructor(sources: LabelSources) {
    this.#sources = sources;
  }

  /** The labels of these features; a feature without one is not in it. */
  async of(features: readonly number[]): Promise<Map<number, FeatureLabel>> {
    const found = new Map<number, FeatureLabel>();
    const wanted = new Set(features);
    for await (const { columns } of this.#automatic({ feature: { in: features } })) {
      columns.feature.forEach((feature, row) => {
        const label = wanted.has(feature) ? labelOf(columns, row) : null;
        if (label !== null) found.set(feature, label);
      });
    }
    for (const feature of wanted) {
      const label = this.#sources.user.get(feature);
      if (label !== undefined) found.set(feature, userLabel(label));
    }
    return found;
  }

  /** Every labelled feature whose label `wanted` takes, in the order of features. */
  async where(wanted: (label: FeatureLabel) => boolean): Promise<Map<number, FeatureLabel>> {
    const found = new Map<number, FeatureLabel>();
    const { user } = this.#sources;
    for await (const { columns } of this.#automatic({})) {
      columns.feature.forEach((feature, row) => {
        const label = user.has(feature) ? null : labelOf(columns, row);
        if (label !== null && wanted(label)) found.set(feature, label);
      });
    }
    for (const [feature, label] of user) if (wanted(userLabel(label))) found.set(feature, userLabel(label));
    return new Map([...found].sort(([a], [b]) => a - b));
  }

  async *#automatic(filter: Filter): AsyncGenerator<{ readonly columns: TableColumns['labels'] }> {
    const { store, automatic } = this.#sources;
    yield* readBatches('labels', planRanges(automatic, filter), { store, counters: newCounters() });
  }
}

/** The labels of a dictionary, by its digest; automatic ones where its index has some. */
export async function openLabels(store: ObjectStore, name: DictionaryName): Promise<FeatureLabels> {
  const dictionary = await storedDictionary(store, name);
  return labelsOf(store, dictionary);
}

/** The same of a dictionary that is known. */
export async function labelsOf(store: ObjectStore, dictionary: StoredDictionary): Promise<FeatureLabels> {
  return new FeatureLabels(await labelSources(store, dictionary));
}

/** Where the labels of a dictionary come from. */
export async function labelSources(store: ObjectStore, { name, digest }: StoredDictionary): Promise<LabelSources> {
  const pinned = await pinDictionary(store, name).catch((error: unknown) => {
    if (error instanceof InputError) return null; // Nothing is encoded yet.
    throw error;
  });
  const automatic = pinned === null ? [] : (await profileObjects(store, pinned)).labels;
  return { store, automatic, user: await readUserLabels(store, digest) };
}

function userLabel(label: string): FeatureLabel {
  return { label, source: 'user', score: null, n: 0 };
}

/** Null where no rule was found. */
function labelOf({ label, source, score, n }: TableColumns['labels'], row: number): FeatureLabel | null {
  const text = label[row] ?? '';
  if (text === '') return null;
  const value = score[row] ?? NaN;
  return {
    label: text,
    source: source[row] === 'user' ? 'user' : 'auto',
    score: Number.isNaN(value) ? null : value,
    n: n[row] ?? 0,
  };
}
