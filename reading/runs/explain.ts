// Why a run computes what it computes: what each key is made of, which of these fields an earlier revision had otherwise, and whether
// the same settings were to work on other input.
import type { z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import type { explainDocument } from '../../schemas/documents/runs.js';
import { InputError } from '../../schemas/errors.js';
import type { Part } from '../../schemas/stored.js';
import { readPlan, type PlanRecord } from '../../storage/records/plan-record.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { getKeyPreimage } from '../../storage/records/key-preimages.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import { newestSnapshot } from './stage-keys.js';

export type Explanation = z.infer<typeof explainDocument>;
type StageExplanation = Explanation['stages'][number];

const READS_AT_ONCE = 8;

/** Every stage's key of a revision beside that of another one. */
export async function explainRun(store: ObjectStore, run: RunRevision, against: number | null): Promise<Explanation> {
  const plan = await readPlan(store, run);
  const earlier = against === null ? null : { name: run.name, revision: against };
  const earlierPlan = earlier === null ? null : await readPlan(store, earlier);
  const sources = earlier === null ? [] : changedSources(await partsOf(store, earlier), await partsOf(store, run));
  const stages = await mapParallel(plan?.stages ?? [], READS_AT_ONCE, async (entry) => {
    const { stage, dataset, key } = entry;
    const now = key ?? (await publishedKey(store, dataset, run.revision));
    const old = earlierPlan?.stages.find((other) => other.dataset === dataset);
    const before = earlier === null ? null : (old?.key ?? (await publishedKey(store, dataset, earlier.revision)));
    const input = stage === 'corpus' && earlier !== null ? sameOrOther(sources.length === 0) : inputOf(entry, old);
    return explainStage(store, { stage, dataset, now, before, input });
  });
  return { run: run.name, revision: run.revision, against, sources, stages };
}

/** A run's corpus; null where it is a training of models, which explains itself by its keys alone. */
async function partsOf(store: ObjectStore, run: RunRevision): Promise<readonly Part[]> {
  try {
    return (await readResolvedRun(store, run)).parts;
  } catch (error) {
    if (error instanceof InputError) return [];
    throw error;
  }
}

type ChangedSource = Explanation['sources'][number];

/** Sources whose bytes are not those of before, in the order of the files; those that are gone come last. */
function changedSources(before: readonly Part[], now: readonly Part[]): ChangedSource[] {
  const old = new Map(before.map((part) => [part.location, part.digest]));
  const kept = new Set(now.map((part) => part.location));
  return [
    ...now
      .filter(({ location, digest }) => old.get(location) !== digest)
      .map(({ location }): ChangedSource => ({ location, change: old.has(location) ? 'other' : 'new' })),
    ...before
      .filter(({ location }) => !kept.has(location))
      .map(({ location }): ChangedSource => ({ location, change: 'gone' })),
  ];
}

type StagePlan = PlanRecord['stages'][number];

/** Whether both were to work on the same items; null where one of the two has not planned them yet. */
function inputOf(now: StagePlan, before: StagePlan | undefined): StageExplanation['input'] {
  if (!now.inputs || !before?.inputs) return null;
  const digests = ({ inputs }: StagePlan): (string | undefined)[] | undefined => inputs?.map(({ sha256 }) => sha256);
  return sameOrOther(canonicalJson(digests(now)) === canonicalJson(digests(before)));
}

function sameOrOther(same: boolean): StageExplanation['input'] {
  return same ? 'same' : 'other';
}

interface Keys extends Pick<StageExplanation, 'stage' | 'dataset' | 'input'> {
  readonly now: string | null;
  readonly before: string | null;
}

async function explainStage(store: ObjectStore, keys: Keys): Promise<StageExplanation> {
  const { stage, dataset, now, before, input } = keys;
  const config = now === null ? null : await getKeyPreimage(store, stage, now);
  const other = before === null || before === now ? null : await getKeyPreimage(store, stage, before);
  return {
    stage,
    dataset,
    key: now,
    before,
    same: now !== null && now === before,
    input,
    changes: config === null || other === null ? [] : differences(other, config),
    config: config ?? null,
  };
}

/** The key under which the revision published the dataset; null where it did not. */
async function publishedKey(store: ObjectStore, dataset: string, revision: number): Promise<string | null> {
  const published = await newestSnapshot(store, dataset, (snapshot) => snapshot.revision <= revision);
  return published?.revision === revision ? published.key : null;
}

export interface Difference {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/**
 * Fields (`config.seed`, `saes[dict].k` …) in which two values differ, in the order of their names. Lists of things with names of
 * their own are compared thing by thing, other lists as a whole.
 */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return [];
  const [old, now] = [byName(before), byName(after)];
  if (old && now) {
    const inside = inFields(old, now, (name) => `${path}[${name}]`);
    // The same things in another order.
    if (inside.length > 0) return inside;
  }
  if (!isRecord(before) || !isRecord(after)) return [{ field: path, before: before ?? null, after: after ?? null }];
  return inFields(before, after, (name) => (path === '' ? name : `${path}.${name}`));
}

function inFields(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  pathOf: (name: string) => string,
): Difference[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => differences(before[name], after[name], pathOf(name)));
}

/** The things of a list by their names; null where it is no list of things whose names differ. */
function byName(value: unknown): Record<string, unknown> | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const names = value.map((one) => (isRecord(one) ? one['name'] : null));
  if (names.some((name) => typeof name !== 'string') || new Set(names).size < names.length) return null;
  return Object.fromEntries(names.map((name, i) => [name as string, value[i] as unknown]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
