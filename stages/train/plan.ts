// Plans trainings: the key of a dictionary and the item that makes it. Pure. A training reads a pinned snapshot, so the key
// covers the snapshot's digest, and a corpus that grew makes a new training.
import type { NamedSites } from '../../core/dictionaries/sites.js';
import { digestOf } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { StoredFile } from '../../schemas/stored.js';
import { modelMetadata } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import { contentDigest, unitsOf, type Pinned, type PinnedReader, type Step, type StepUnits } from '../step.js';
import type { Work } from '../work.js';
import type { Source, Sources, TrainConfig, TrainInputs } from './config.js';
import { dictionariesOf, frozenOf, sitesOfDictionary, takenOf } from './dictionary.js';
import { routedStep } from './routed/names.js';
import { planRouted } from './routed/plan.js';
import { trainStage } from './stage.js';
import { planTaken, takenName } from './taken.js';

/** Everything that the step plans; null while the sites' activations are not complete. */
export async function planTraining(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  const routed = routedStep(step.subject);
  const frozen = run && routed && frozenOf(run).find((own) => own.name === routed.name);
  if (run && frozen) return planRouted({ run, dictionary: frozen, part: routed.part, step, pinned, stage: trainStage });
  const name = takenName(step.subject);
  const taken = run && name !== null ? takenOf(run).find((own) => own.name === name) : undefined;
  if (run && taken) return planTaken({ run: run.name, dictionary: taken, stage: trainStage }, step);
  const dictionaries = run ? dictionariesOf(run, step.subject ?? '') : [];
  const [first] = dictionaries;
  if (!run || !first) return null;
  const names = datasetNames(run.name);
  const sites = sitesOfDictionary(run, first);
  const activations = await pinAll(sites.names.map(names.activations), pinned);
  const model = await modelMetadata(run, pinned);
  if (!activations || model === null) return null;
  const snapshot = trainingDigest(activations);
  const keysOfSites = activations.map((own) => own.snapshot.key);
  // Dictionaries of the same sites share the read: one item trains them all over one stream of rows.
  const configs = dictionaries.map(({ name, sae }) => ({
    keyed: {
      ...sourcesAt(sites, keysOfSites),
      ...{ dtype: run.file.activations.dtype, runSeed: run.file.seed, sae, engine: run.engine },
    },
    aux: { name, widths: sites.widths, model },
  }));
  const item = planTrainItem({ configs, snapshot, segments: activations.flatMap((own) => own.segments) });
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

/** Snapshots of several datasets; null while one is not complete. */
export async function pinAll(datasets: readonly string[], pinned: PinnedReader): Promise<Pinned[] | null> {
  const found: Pinned[] = [];
  for (const dataset of datasets) {
    const own = await pinned(dataset);
    if (!own) return null;
    found.push(own);
  }
  return found;
}

/** The digest of what a training reads: the objects of fit and calib, with their shards; of several sites, over each digest. */
function trainingDigest(activations: readonly Pinned[]): string {
  const digests = activations.map(({ commits }) => contentDigest(commits.filter(({ split }) => split !== 'test')));
  return digests.length === 1 ? (digests[0] as string) : digestOf(digests);
}

/** Sites with their activations' keys: one for a dictionary that reads and writes one site, else lists. */
function sourcesAt({ names, reads, writes }: NamedSites, keys: readonly string[]): Sources {
  const at = (place: number): Source => ({ activationsKey: keys[place] ?? '', site: names[place] ?? '' });
  return names.length === 1 ? at(0) : { reads: reads.map(at), writes: writes.map(at) };
}

/** Key of one dictionary's training on a pinned snapshot of activations, and what it was made of. */
export function trainingKey(config: TrainConfig, snapshot: string): ReturnType<typeof keyOf> {
  return keyOf(trainStage, config.keyed, { snapshot });
}

export interface TrainItemParts {
  /** Dictionaries of the same sites that share the read; one is usual. */
  readonly configs: readonly TrainConfig[];
  readonly snapshot: string;
  readonly segments: readonly StoredFile[];
}

/**
 * The item that trains dictionaries of the same sites over one stream of rows: `keys` in the order of `configs`. Which of them
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
