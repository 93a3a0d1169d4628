// The metrics of dictionaries: as `sae eval` stored them, beside controls, and as the index stage recorded them, per split. Computes
// nothing: what is shown is what was stored.
import { z } from 'zod';
import { compareWithControls, unbeaten } from '../../core/dictionaries/compare-controls.js';
import type { metricsDocument } from '../../schemas/documents/features.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { Commit, Snapshot } from '../../schemas/records.js';
import { SPLITS } from '../../schemas/stages.js';
import type { DictionaryMetrics, SplitMetrics } from '../../stages/index/metrics.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readSnapshotCommits } from '../../storage/records/snapshots.js';
import { dictionaryDataset, type DictionaryName } from '../datasets/given-names.js';
import { leftOut } from '../datasets/left-out.js';
import { pinDictionary } from '../dictionary/snapshots.js';
import { evaluationDocument } from '../evaluation/read-evaluation.js';
import { newestSnapshot } from '../runs/stage-keys.js';
import { currentEvaluation } from './controls.js';

export type MetricsEntry = z.infer<typeof metricsDocument>[number];
type SplitEntry = MetricsEntry['splits'][number];
type Metric = SplitEntry['metrics']['fvu'];

/** The stored metrics of a dictionary. @throws InputError before its index is whole */
export async function readMetrics(store: ObjectStore, name: DictionaryName): Promise<MetricsEntry> {
  const index = await pinnedIndex(store, name);
  const dictionary = `${name.run}/${name.dictionary}`;
  if (index === null) throw notMeasured(name);
  for await (const commit of readSnapshotCommits(store, index)) {
    const metrics = storedMetrics(commit);
    if (metrics === null) continue;
    const { revision, key, version } = index;
    const head = { dictionary, revision, key, snapshot: version };
    return { ...head, ...describe(metrics), ...(await compared(store, name)), leftOut: await leftOut(store, index) };
  }
  throw notMeasured(name);
}

/** The evaluation, where there is one of the present weights, and what they do not beat. */
async function compared(
  store: ObjectStore,
  name: DictionaryName,
): Promise<Pick<MetricsEntry, 'source' | 'evaluation' | 'outdated' | 'unbeaten'>> {
  const { evaluation, outdated } = await currentEvaluation(store, name);
  if (evaluation === null) return { source: 'index', evaluation: null, outdated, unbeaten: [] };
  return {
    ...{ source: 'evaluation', outdated },
    evaluation: evaluationDocument(evaluation),
    unbeaten: unbeaten(compareWithControls(evaluation.entries)),
  };
}

/** The index; null where there is none yet, whatever stage the run is in. */
async function pinnedIndex(store: ObjectStore, name: DictionaryName): Promise<Snapshot | null> {
  const encoded = await newestSnapshot(store, dictionaryDataset(name, 'acts'), (s) => s.commits > 0);
  return encoded === null ? null : (await pinDictionary(store, name)).index;
}

/** The metrics that a commit of the index stage holds; null for one of its other items. */
function storedMetrics({ shard, key, statistics }: Commit): DictionaryMetrics | null {
  if (shard !== METRICS_ITEM) return null;
  const parsed = recordedMetrics.safeParse(statistics['metrics']);
  if (parsed.success) return parsed.data;
  const fault = parsed.error.issues[0];
  throw new DataError(
    `Expected metrics per split in the index commit ${key}/${METRICS_ITEM}, found ${fault?.path.join('.') ?? ''}: ${fault?.message ?? ''}; read it with the release of assay that wrote it.`,
    { key },
  );
}

/** Name of the index stage's item that sums up the dictionary. */
const METRICS_ITEM = 'metrics';
/** Of the stored intervals: the 2.5 % and 97.5 % points. */
const LEVEL = 0.95;

const interval = z.tuple([z.number(), z.number()]).nullable();
const count = z.number().int().nonnegative();
const splitMetrics = z.object({
  rows: count,
  documents: count,
  firings: count,
  fvu: z.number().nullable(),
  fvuInterval: interval,
  l0: z.number().nullable(),
  l0Interval: interval,
  silent: count,
  dense: count,
  features: count,
}) satisfies z.ZodType<SplitMetrics>;

/** What the index stage writes; a later version may add fields. */
const recordedMetrics = z.object({
  splits: z.partialRecord(z.enum(SPLITS), splitMetrics),
  silent: count,
  rows: count,
  features: count,
  resamples: count,
}) satisfies z.ZodType<DictionaryMetrics>;

function describe({ splits, resamples }: DictionaryMetrics): Pick<MetricsEntry, 'level' | 'method' | 'splits'> {
  return {
    level: LEVEL,
    method: `bootstrap over documents, ${resamples} resamples`,
    splits: SPLITS.flatMap((split) => {
      const found = splits[split];
      return found === undefined ? [] : [splitEntry(split, found)];
    }),
  };
}

function splitEntry(split: SplitEntry['split'], stored: SplitMetrics): SplitEntry {
  const { rows, documents, firings, features } = stored;
  return {
    ...{ split, rows, documents, firings },
    metrics: {
      fvu: metric(stored.fvu, stored.fvuInterval, rows),
      l0: metric(stored.l0, stored.l0Interval, rows),
      silent: metric(stored.silent, null, features),
      dense: metric(stored.dense, null, features),
    },
  };
}

function metric(value: number | null, range: readonly [number, number] | null, n: number): Metric {
  return { value, lo: range?.[0] ?? null, hi: range?.[1] ?? null, n };
}

function notMeasured({ run, dictionary }: DictionaryName): InputError {
  const given = `${run}/${dictionary}`;
  return new InputError(
    `Expected a dictionary whose index is whole, found that ${given} is not measured yet; wait for the stage index (\`assay status ${run}\`).`,
    { dictionary: given },
  );
}
