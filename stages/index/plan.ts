// Plans the index of one dictionary: ranges of features of about equal work, and one item for its metrics. Pure: a function
// of the pinned encode commits alone, so that every planner cuts the same ranges.
import { sitesText, targetWidth } from '../../core/dictionaries/sites.js';
import { digestOf } from '../../core/identity/digest.js';
import type { Commit } from '../../schemas/records.js';
import type { IndexConfig, IndexInputs } from './config.js';
import type { StoredFile } from '../../schemas/stored.js';
import { modelMetadata } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import { contentDigest, unitsOf, type PinnedReader, type Step, type StepUnits } from '../step.js';
import { featuresOf, sitesOfDictionary } from '../train/dictionary.js';
import type { Work } from '../work.js';
import { indexStage } from './stage.js';

/** Everything that the step plans; null while the dictionary's encoding is not complete. */
export async function planIndex(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  const dictionary = run?.dictionaries.find(({ name }) => name === step.subject);
  if (!run || !dictionary) return null;
  const names = datasetNames(run.name);
  const tokens = await pinned(names.tokens);
  const encoded = await pinned(names.dictionary(dictionary.name, 'acts'));
  const model = await modelMetadata(run, pinned);
  if (!tokens || !encoded || model === null) return null;
  const { commits, segments } = encoded;
  const snapshot = contentDigest(commits);
  const { contextTokens, packing } = run.file.model;
  const { name } = dictionary;
  const sites = sitesOfDictionary(run, dictionary);
  const { topExamples } = run.file.index;
  const features = featuresOf(dictionary);
  const prepended = run.model.prependId !== null;
  const config: IndexConfig = {
    keyed: { encodeKey: encoded.snapshot.key, topExamples, features, contextTokens, prepended, packing },
    aux: { name, site: sitesText(sites), width: targetWidth(sites), model },
  };
  const { key, preimage } = keyOf(indexStage, config.keyed, { snapshot });
  const items = planIndexItems({ key, features, topExamples, snapshot, commits, segments, tokens: tokens.segments });
  return unitsOf(step, { units: items.map((item) => ({ item, config })), keys: key, preimages: [preimage] });
}

export interface FeatureRange {
  readonly from: number;
  readonly to: number;
  /** Postings expected in it. */
  readonly postings: number;
}

export interface IndexPlanInput {
  readonly key: string;
  /** Width of the dictionary. */
  readonly features: number;
  readonly topExamples: number;
  /** Digest of the pinned encode snapshot. */
  readonly snapshot: string;
  readonly commits: readonly Pick<Commit, 'shard' | 'objects'>[];
  readonly segments: readonly StoredFile[];
  /** Segments of the tokens snapshot. */
  readonly tokens: readonly StoredFile[];
}

/** Postings of one range: what a compute child merges in memory (22 bytes each). */
export const RANGE_POSTINGS = 8_000_000;
/** Slots of `top` in one range: bounds the size of its file where most features are silent. */
const RANGE_SLOTS = 2 ** 23;

/** The items of one dictionary's index: its feature ranges in order, then `metrics`. */
export function planIndexItems(input: IndexPlanInput): WorkItem<IndexInputs>[] {
  const { key, snapshot, segments, tokens } = input;
  const item = (range: IndexInputs['range'], shard: string, size: number): WorkItem<IndexInputs> => {
    const inputs = { snapshot, range };
    return {
      stage: 'index',
      keys: [key],
      input: digestOf(inputs),
      inputs,
      shard,
      split: null,
      size,
      aux: { segments, tokens },
    };
  };
  const ranges = planFeatureRanges(input.features, input.topExamples, input.commits);
  return [
    ...ranges.map(({ from, to, postings }) =>
      item({ from, to }, `features-${pad(from)}-${pad(to)}`, Math.round(postings) + to - from),
    ),
    item('metrics', 'metrics', 1),
  ];
}

/**
 * Ranges that cover all features, each with at most RANGE_POSTINGS expected postings unless one feature has more.
 * Expected: the rows of every batch of the shards' sorted runs, spread evenly over the features that the batch spans.
 */
export function planFeatureRanges(
  features: number,
  topExamples: number,
  commits: IndexPlanInput['commits'],
): FeatureRange[] {
  const expected = expectedPostings(features, commits);
  const most = Math.max(1, Math.floor(RANGE_SLOTS / topExamples));
  const ranges: FeatureRange[] = [];
  let from = 0;
  let postings = 0;
  for (let feature = 0; feature < features; feature++) {
    const own = expected[feature] as number;
    if (feature > from && (postings + own > RANGE_POSTINGS || feature - from === most)) {
      ranges.push({ from, to: feature, postings });
      from = feature;
      postings = 0;
    }
    postings += own;
  }
  if (features > 0) ranges.push({ from, to: features, postings });
  return ranges;
}

/** Expected postings per feature [features]; commits are taken in shard order, so that sums do not depend on theirs. */
function expectedPostings(features: number, commits: IndexPlanInput['commits']): Float64Array {
  const change = new Float64Array(features + 1);
  const sorted = [...commits].sort((a, b) => (a.shard < b.shard ? -1 : 1));
  const batches = sorted.flatMap((commit) =>
    commit.objects.filter((o) => o.table === 'postings').flatMap((o) => o.batches),
  );
  for (const { min, max, rows } of batches) {
    const each = rows / (max - min + 1);
    change[min] = (change[min] ?? 0) + each;
    change[max + 1] = (change[max + 1] ?? 0) - each;
  }
  let running = 0;
  return change.map((delta) => Math.max(0, (running += delta))).subarray(0, features);
}

function pad(feature: number): string {
  return String(feature).padStart(8, '0');
}
