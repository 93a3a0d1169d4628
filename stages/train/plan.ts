// Plans trainings: the key of a dictionary and the item that makes it. Pure. A training reads a pinned snapshot, so the key
// covers the snapshot's digest, and a corpus that grew makes a new training.
import { digestOf } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { TrainConfig, TrainInputs } from './config.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import { modelMetadata } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import { contentDigest, unitsOf, type PinnedReader, type Step, type StepUnits } from '../step.js';
import type { Work } from '../work.js';
import { dictionariesOf, trainStage, widthOf } from './stage.js';

/** Everything that the step plans; null while the site's activations are not complete. */
export async function planTraining(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  const site = step.subject ?? '';
  if (!run) return null;
  const names = datasetNames(run.name);
  const activations = await pinned(names.activations(site));
  const model = await modelMetadata(run, pinned);
  if (!activations || model === null) return null;
  // The digest of what a training reads: the objects of fit and calib, with their shards.
  const snapshot = contentDigest(activations.commits.filter((commit) => commit.split !== 'test'));
  const shared = { activationsKey: activations.snapshot.key, model };
  // Dictionaries of one site share the read: one item trains them all over one stream of rows.
  const configs = dictionariesOf(run, site).map((dictionary) => trainSettings(run, dictionary, shared));
  const item = planTrainItem({ configs, snapshot, segments: activations.segments });
  const planned = configs.map((config) => ({ name: config.aux.name, ...trainingKey(config, snapshot) }));
  const keys = planned.flatMap(({ name, key }) =>
    ['weights', 'training'].map((table) => [names.dictionary(name, table), key] as const),
  );
  return unitsOf(step, {
    units: [{ item, config: configs }],
    keys: new Map(keys),
    preimages: planned.map(({ preimage }) => preimage),
  });
}

function trainSettings(
  run: ResolvedRun,
  { site, name, sae }: ResolvedDictionary,
  { activationsKey, model }: { readonly activationsKey: string; readonly model: string },
): TrainConfig {
  const { dtype } = run.file.activations;
  return {
    keyed: { activationsKey, site, dtype, runSeed: run.file.seed, sae, engine: run.engine },
    aux: { name, width: widthOf(run, site), model },
  };
}

/** Key of one dictionary's training on a pinned snapshot of activations, and what it was made of. */
export function trainingKey(config: TrainConfig, snapshot: string): ReturnType<typeof keyOf> {
  return keyOf(trainStage, config.keyed, { snapshot });
}

export interface TrainItemParts {
  /** Dictionaries of one site that share the read; one is usual. */
  readonly configs: readonly TrainConfig[];
  readonly snapshot: string;
  readonly segments: readonly StoredFile[];
}

/**
 * The item that trains dictionaries of one site over one stream of rows: `keys` in the order of `configs`. Which of them
 * share an item changes no byte. Run it with `configs` as its settings.
 * @throws InputError where they are not of one site, dtype, run seed and engine
 */
export function planTrainItem({ configs, snapshot, segments }: TrainItemParts): WorkItem<TrainInputs> {
  const shared = configs.map(({ keyed }) => digestOf({ ...keyed, sae: null }));
  if (new Set(shared).size !== 1) {
    const names = configs.map((config) => config.aux.name);
    const text = `Expected dictionaries of one site, dtype, run seed and engine to share a read, found ${names.join(', ')} of ${new Set(shared).size} kinds; plan an item for each.`;
    throw new InputError(text, { names });
  }
  const inputs = { snapshot };
  return {
    stage: 'train',
    keys: configs.map((config) => trainingKey(config, snapshot).key),
    input: digestOf(inputs),
    inputs,
    shard: 'all',
    split: null,
    size: configs.reduce((sum, config) => sum + config.keyed.sae.tokens, 0),
    aux: { segments },
  };
}
