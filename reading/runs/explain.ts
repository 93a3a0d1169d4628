// Why a run computes what it computes: what each key is made of, and which of these fields an earlier revision had otherwise.
import type { z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import type { explainDocument } from '../../schemas/documents/runs.js';
import { readPlan } from '../../storage/records/plan-record.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { getKeyPreimage } from '../../storage/records/key-preimages.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { newestSnapshot } from './stage-keys.js';

export type Explanation = z.infer<typeof explainDocument>;
type StageExplanation = Explanation['stages'][number];

const READS_AT_ONCE = 8;

/** Every stage's key of a revision beside that of another one. */
export async function explainRun(store: ObjectStore, run: RunRevision, against: number | null): Promise<Explanation> {
  const plan = await readPlan(store, run);
  const earlier = against === null ? null : { name: run.name, revision: against };
  const earlierPlan = earlier === null ? null : await readPlan(store, earlier);
  const stages = await mapParallel(plan?.stages ?? [], READS_AT_ONCE, async ({ stage, dataset, key }) => {
    const now = key ?? (await publishedKey(store, dataset, run.revision));
    const planned = earlierPlan?.stages.find((entry) => entry.dataset === dataset)?.key ?? null;
    const before = earlier === null ? null : (planned ?? (await publishedKey(store, dataset, earlier.revision)));
    return explainStage(store, { stage, dataset, now, before });
  });
  return { run: run.name, revision: run.revision, against, stages };
}

interface Keys {
  readonly stage: StageExplanation['stage'];
  readonly dataset: string;
  readonly now: string | null;
  readonly before: string | null;
}

async function explainStage(store: ObjectStore, keys: Keys): Promise<StageExplanation> {
  const { stage, dataset, now, before } = keys;
  const config = now === null ? null : await getKeyPreimage(store, stage, now);
  const other = before === null || before === now ? null : await getKeyPreimage(store, stage, before);
  return {
    stage,
    dataset,
    key: now,
    before,
    same: now !== null && now === before,
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
