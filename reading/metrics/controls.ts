// What a dictionary was compared with, and which of it it does not beat: the one place that every command asks which prints a
// dictionary. The rule itself is core/dictionaries/compare-controls.ts. An evaluation of other weights than the present ones is none.
import { compareWithControls, unbeaten, type Comparison } from '../../core/dictionaries/compare-controls.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { dictionaryDataset, type DictionaryName } from '../datasets/given-names.js';
import { storedDictionary } from '../dictionary/stored-weights.js';
import { readEvaluation, type StoredEvaluation } from '../evaluation/read-evaluation.js';
import { keyFields, keyIn, newestSnapshot } from '../runs/stage-keys.js';

export interface Evaluated {
  /** Null where there is none of the present weights. */
  readonly evaluation: StoredEvaluation | null;
  /** Whether there is one of earlier weights. */
  readonly outdated: boolean;
}

/** The evaluation of the dictionary's present weights on the test split. */
export async function currentEvaluation(store: ObjectStore, name: DictionaryName): Promise<Evaluated> {
  const stored = await readEvaluation(store, name);
  if (stored === null) return { evaluation: null, outdated: false };
  const [measured, { digest }] = await Promise.all([measuredWeights(store, name), storedDictionary(store, name)]);
  return measured === digest ? { evaluation: stored, outdated: false } : { evaluation: null, outdated: true };
}

/** Controls that the dictionary does not beat at equal L0; none where it was not evaluated. */
export async function unbeatenControls(store: ObjectStore, name: DictionaryName): Promise<Comparison[]> {
  try {
    const { evaluation } = await currentEvaluation(store, name);
    return evaluation === null ? [] : unbeaten(compareWithControls(evaluation.entries));
  } catch (error) {
    if (error instanceof InputError) return []; // Not trained yet.
    throw error;
  }
}

/** Digest of the weights that the newest evaluation is of. */
async function measuredWeights(store: ObjectStore, name: DictionaryName): Promise<string | null> {
  const dataset = dictionaryDataset(name, 'evaluation');
  const snapshot = await newestSnapshot(store, dataset, (s) => s.complete && s.commits > 0);
  if (snapshot === null) return null;
  const sums = keyIn(await keyFields(store, snapshot.stage, snapshot.key), 'sumsKey');
  return sums === null ? null : keyIn(await keyFields(store, snapshot.stage, sums), 'dictionary');
}
