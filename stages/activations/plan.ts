// What the activations stage plans: one item per token shard, which commits under the key of every site that is missing.
// Pure. One forward pass serves all sites of an item.
import { digestOf } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { Commit } from '../../schemas/records.js';
import { datasetNames } from '../dataset-names.js';
import type { WorkItem } from '../stage.js';
import { unitsOf, type PinnedReader, type Step, type StepUnits } from '../step.js';
import type { Work } from '../work.js';
import type { ActivationsConfig, ActivationsInputs } from './config.js';
import { readModelFiles } from './run-model-files.js';
import { activationsSettings, siteKeys, type SiteKey } from './stage.js';

/** Everything that the step plans; null while tokens or model are not complete. */
export async function planActivations(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  if (!run) return null;
  const names = datasetNames(run.name);
  const [tokens, model] = [await pinned(names.tokens), await readModelFiles(run, pinned)];
  if (!tokens || !model) return null;
  const config = activationsSettings(run, model);
  const sites = siteKeys(config);
  const keys = sites.map(({ key }) => key);
  const units = unitsOf(step, {
    units: tokens.commits.map((commit) => ({ item: activationsItem(keys, commit), config })),
    keys: new Map(sites.map(({ site, key }) => [names.activations(site), key])),
    preimages: sites.map(({ preimage }) => preimage),
  });
  // One pass serves all sites: who extracts some of them from this model and these tokens waits for who extracts others.
  return { ...units, lease: digestOf(config.keyed) };
}

/** Forward passes over one token shard, for all sites. */
function activationsItem(keys: readonly string[], commit: Commit): WorkItem<ActivationsInputs> {
  const objects = commit.objects.filter((o) => o.table === 'tokens');
  const inputs = { tokens: objects.map((o) => o.sha256) };
  const size = Number(commit.statistics['tokens'] ?? 0);
  const { shard, split } = commit;
  return { stage: 'activations', keys, input: digestOf(inputs), inputs, shard, split, size, aux: { objects } };
}

/** The sites behind an item's keys, in the order of the keys. @throws InputError for a key of another plan or version */
export function sitesOfKeys(config: ActivationsConfig, keys: readonly string[]): SiteKey[] {
  const byKey = new Map(siteKeys(config).map((entry) => [entry.key, entry]));
  return keys.map((key) => {
    const entry = byKey.get(key);
    if (entry) return entry;
    throw new InputError(
      `Expected a key of one of the plan's sites (${config.aux.sites.join(', ')}), found ${key}. The lot was planned by another version: resume the run.`,
      { key, sites: config.aux.sites },
    );
  });
}
