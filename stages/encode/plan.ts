// Plans the encoding of a dictionary's sites: one item per shard of activations, of every split. Pure.
import { digestOf } from '../../core/identity/digest.js';
import type { Commit } from '../../schemas/records.js';
import type { StoredFile } from '../../schemas/stored.js';
import { modelMetadata } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import { unitsOf, type Pinned, type PinnedReader, type Step, type StepUnits } from '../step.js';
import { encodedDictionary } from '../train/dictionary.js';
import { pinAll } from '../train/plan.js';
import type { Work } from '../work.js';
import { activationKeys, type EncodeConfig, type EncodeInputs } from './config.js';
import { encodeStage } from './stage.js';

/** Everything that the step plans; null while activations or dictionary are not complete. */
export async function planEncode(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  const dictionary = run?.dictionaries.find(({ name }) => name === step.subject);
  if (!run || !dictionary) return null;
  const names = datasetNames(run.name);
  const own = encodedDictionary(run, dictionary);
  const activations = await pinAll(own.sites.names.map(names.activations), pinned);
  const weights = await pinned(names.dictionary(dictionary.name, 'weights'));
  const model = await modelMetadata(run, pinned);
  if (!activations || !weights || model === null) return null;
  const file = weightsFile(weights);
  const keys = activations.map(({ snapshot }) => snapshot.key);
  const config: EncodeConfig = {
    keyed: {
      ...(keys.length === 1 ? { activationsKey: keys[0] as string } : { activationsKeys: keys }),
      dictionary: file.sha256,
      dtype: run.file.activations.dtype,
      engine: run.engine,
    },
    aux: { ...own, name: dictionary.name, weights: file, model },
  };
  const { key, preimage } = encodeKey(config);
  const units = planEncodeItems(
    config,
    activations.flatMap(({ commits }) => commits),
  ).map((item) => ({ item, config }));
  return unitsOf(step, { units, keys: key, preimages: [preimage] });
}

/** The one file of a published dictionary. */
export function weightsFile({ commits }: Pinned): StoredFile {
  const object = commits[0]?.objects.find((o) => o.table === 'weights');
  return { key: object?.key ?? '', sha256: object?.sha256 ?? '', bytes: object?.bytes ?? 0 };
}

/** Key of encoding with one dictionary, and what it was made of. */
export function encodeKey(config: EncodeConfig): ReturnType<typeof keyOf> {
  return keyOf(encodeStage, config.keyed);
}

/** The items that encode the given activations commits, in the order of those of the first site. */
export function planEncodeItems(config: EncodeConfig, commits: readonly Commit[]): WorkItem<EncodeInputs>[] {
  const { key } = encodeKey(config);
  const [first = [], ...others] = activationKeys(config.keyed).map((of) => commits.filter((c) => c.key === of));
  return first.flatMap((commit) => {
    const further = others.map((own) => own.find(({ shard }) => shard === commit.shard));
    // A shard in quarantine has no activations of any site.
    if (further.some((own) => own === undefined)) return [];
    const objects = [commit, ...(further as Commit[])].map((own) =>
      own.objects.filter((o) => o.table === 'activations'),
    );
    const digests = objects.map((own) => own.map(({ sha256 }) => sha256));
    const inputs: EncodeInputs = { activations: digests.length === 1 ? (digests[0] as string[]) : digests };
    return {
      stage: 'encode',
      keys: [key],
      input: digestOf(inputs),
      inputs,
      shard: commit.shard,
      split: commit.split,
      size: (objects[0] ?? []).reduce((sum, object) => sum + object.rows, 0),
      aux: { objects: objects.flat() },
    };
  });
}
