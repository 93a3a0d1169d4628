// Plans the encoding of a dictionary's site: one item per shard of activations, of every split. Pure.
import { digestOf } from '../../core/identity/digest.js';
import type { Commit } from '../../schemas/records.js';
import type { EncodeConfig, EncodeInputs } from './config.js';
import type { StoredFile } from '../../schemas/stored.js';
import { modelMetadata } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import { unitsOf, type Pinned, type PinnedReader, type Step, type StepUnits } from '../step.js';
import { widthOf } from '../train/stage.js';
import type { Work } from '../work.js';
import { encodeStage } from './stage.js';

/** Everything that the step plans; null while activations or dictionary are not complete. */
export async function planEncode(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  const dictionary = run?.dictionaries.find(({ name }) => name === step.subject);
  if (!run || !dictionary) return null;
  const names = datasetNames(run.name);
  const activations = await pinned(names.activations(dictionary.site));
  const weights = await pinned(names.dictionary(dictionary.name, 'weights'));
  const model = await modelMetadata(run, pinned);
  if (!activations || !weights || model === null) return null;
  const { name, site, sae } = dictionary;
  const file = weightsFile(weights);
  const config: EncodeConfig = {
    keyed: {
      dictionary: file.sha256,
      activationsKey: activations.snapshot.key,
      dtype: run.file.activations.dtype,
      engine: run.engine,
    },
    aux: {
      ...{ name, site, width: widthOf(run, site), features: sae.features, k: sae.k },
      ...{ weights: file, architecture: sae.architecture, model },
    },
  };
  const { key, preimage } = encodeKey(config);
  const units = planEncodeItems(config, activations.commits).map((item) => ({ item, config }));
  return unitsOf(step, { units, keys: key, preimages: [preimage] });
}

function weightsFile({ commits }: Pinned): StoredFile {
  const object = commits[0]?.objects.find((o) => o.table === 'weights');
  return { key: object?.key ?? '', sha256: object?.sha256 ?? '', bytes: object?.bytes ?? 0 };
}

/** Key of encoding with one dictionary, and what it was made of. */
export function encodeKey(config: EncodeConfig): ReturnType<typeof keyOf> {
  return keyOf(encodeStage, config.keyed);
}

/** The items that encode the given activations commits, in their order. */
export function planEncodeItems(config: EncodeConfig, commits: readonly Commit[]): WorkItem<EncodeInputs>[] {
  const { key } = encodeKey(config);
  return commits.map((commit) => {
    const objects = commit.objects.filter((object) => object.table === 'activations');
    const inputs = { activations: objects.map((object) => object.sha256) };
    return {
      stage: 'encode',
      keys: [key],
      input: digestOf(inputs),
      inputs,
      shard: commit.shard,
      split: commit.split,
      size: objects.reduce((sum, object) => sum + object.rows, 0),
      aux: { objects },
    };
  });
}
