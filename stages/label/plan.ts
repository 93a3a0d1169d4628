// Plans the labels of one dictionary: an item per range of its index, over the profile of the same features. Pure.
import { sitesText } from '../../core/dictionaries/sites.js';
import { digestOf } from '../../core/identity/digest.js';
import type { Commit } from '../../schemas/records.js';
import { modelMetadata } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import { contentDigest, unitsOf, type PinnedReader, type Step, type StepUnits } from '../step.js';
import { sitesOfDictionary } from '../train/dictionary.js';
import { pinAll } from '../train/plan.js';
import type { Work } from '../work.js';
import type { LabelConfig, LabelInputs } from './config.js';
import { labelStage } from './stage.js';

/** Everything that the step plans; null while the dictionary's profile is not complete. */
export async function planLabels(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  const dictionary = run?.dictionaries.find(({ name }) => name === step.subject);
  if (!run || !dictionary) return null;
  const names = datasetNames(run.name);
  const own = ['top', 'bands', 'promoted'].map((table) => names.dictionary(dictionary.name, table));
  const upstream = await pinAll([...own, names.tokens], pinned);
  const reference = await modelMetadata(run, pinned);
  const [index, bands, promoted, tokens] = upstream ?? [];
  if (!index || !bands || !promoted || !tokens || reference === null) return null;
  const { tokenizer } = run.model;
  const config: LabelConfig = {
    keyed: {
      ...{ indexKey: index.snapshot.key, bandsKey: bands.snapshot.key, promotedKey: promoted.snapshot.key },
      tokenizer: tokenizer.sha256,
    },
    aux: { name: dictionary.name, site: sitesText(sitesOfDictionary(run, dictionary)), tokenizer, reference },
  };
  const commits = [...index.commits, ...bands.commits, ...promoted.commits];
  const snapshot = contentDigest(commits);
  const { key, preimage } = keyOf(labelStage, config.keyed, { snapshot });
  const units = bands.commits
    .map((commit) => planLabelItem({ key, snapshot, range: rangeOf(commit), commits, tokens: tokens.segments }))
    .sort((a, b) => a.inputs.range.from - b.inputs.range.from)
    .map((item) => ({ item, config }));
  return unitsOf(step, { units, keys: key, preimages: [preimage] });
}

export interface LabelItemOf {
  readonly key: string;
  readonly snapshot: string;
  readonly range: LabelInputs['range'];
  readonly commits: readonly Commit[];
  readonly tokens: WorkItem['aux']['tokens'];
}

/** The item of one range; `commits` are those of index, bands and promoted. */
export function planLabelItem({ key, snapshot, range, commits, tokens }: LabelItemOf): WorkItem<LabelInputs> {
  const inputs = { snapshot, range };
  const own = commits.filter(({ inputs: of }) => {
    const found = (of as { range?: unknown }).range as LabelInputs['range'] | undefined;
    return found?.from === range.from && found.to === range.to;
  });
  const wanted = ['top', 'bands', 'promoted'];
  return {
    ...{ stage: 'label', keys: [key], input: digestOf(inputs), inputs, split: null, size: range.to - range.from },
    shard: `labels-${String(range.from).padStart(8, '0')}-${String(range.to).padStart(8, '0')}`,
    aux: {
      ...(tokens && { tokens }),
      objects: own.flatMap(({ objects }) => objects.filter(({ table }) => wanted.includes(table))),
    },
  };
}

function rangeOf({ inputs }: Commit): LabelInputs['range'] {
  return (inputs as LabelInputs).range;
}
