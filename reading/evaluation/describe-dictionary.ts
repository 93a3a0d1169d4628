// What `describe` says of a dictionary: its stored evaluation.
import { InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listDatasets } from '../../storage/records/snapshots.js';
import { dictionariesOf } from '../datasets/given-names.js';
import { trainingReach } from './training-reach.js';
import { evaluationDocument, readEvaluation, type EvaluationDocument } from './read-evaluation.js';

/**
 * The evaluation of the dictionary that `RUN/DICT` names; null where it names none.
 * @throws InputError for a dictionary that was not measured
 */
export async function describeDictionary(store: ObjectStore, given: string): Promise<EvaluationDocument | null> {
  const [run, dictionary, ...rest] = given.split('/');
  if (!run || !dictionary || rest.length > 0) return null;
  const datasets = (await listDatasets(store, run)).map((entry) => entry.dataset);
  if (datasets.includes(given)) return null;
  const name = dictionariesOf(datasets).find((one) => one.run === run && one.dictionary === dictionary);
  if (!name) return null;
  const stored = await readEvaluation(store, name);
  if (stored) {
    const training = await trainingReach(store, `${given}/weights`);
    return { ...evaluationDocument(stored), ...(training && { training }) };
  }
  throw new InputError(
    `Expected a dictionary that was measured, found no evaluation of ${given}; \`assay sae eval ${given}\` makes one. Its datasets: ${datasets.filter((one) => one.startsWith(`${given}/`)).join(', ')}.`,
    { dictionary: given },
  );
}
