// A run that begins while garbage is collected loses nothing: every order of the requests of a plan, which takes old commits into
// use, and of a collector, which may die or be taken for dead at any moment, is played. The same search finds the loss where the
// plan does not look for the collector's mark.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { ResourceError } from '../../../../schemas/errors.js';
import type { Commit } from '../../../../schemas/records.js';
import { publish, datasetsOf } from '../../../../pipeline/execute/publish.js';
import { recordPlan } from '../../../../pipeline/execute/record-plan.js';
import { initialPlan, withUnits } from '../../../../pipeline/plan/plan-record.js';
import { adoptWork, planWork } from '../../../../pipeline/plan/plan-work.js';
import type { Step, StepUnits } from '../../../../stages/step.js';
import type { WorkItem } from '../../../../stages/stage.js';
import { initZstd } from '../../../../storage/arrow/zstd.js';
import { collectGarbage } from '../../../../storage/gc/collect-garbage.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { EXPIRY_MS } from '../../../../storage/records/collection-mark.js';
import { commitKey } from '../../../../storage/records/key-layout.js';
import { putCommit } from '../../../../storage/records/commits.js';
import { putDataBytes } from '../../../../storage/records/data-objects.js';
import { writePlan } from '../../../../storage/records/plan-record.js';
import { latestSnapshot, readSnapshotCommits } from '../../../../storage/records/snapshots.js';
import { playAll, type Ended, type Search } from '../../../harness/interleavings.js';
import { collect, sampleCommit } from '../../storage/records/sample-records.js';

vi.mock('../../../../storage/records/collection-clock.js', async () => {
  const { playedClock } = await import('../../../harness/interleavings.js');
  return playedClock;
});

const NOW = 1_800_000_000_000;
const DAY = 24 * 3600_000;
const RUN = { name: 'r', revision: 1 };
const KEY = sha256Hex('key');
const CONTENT: Buffer = Buffer.from('what an earlier run has made');
const COMMIT = sampleCommit(1, { key: KEY, objects: [] });

const step: Step = {
  ...{ id: 'tokens', stage: 'tokens', subject: null, reads: [] },
  makes: [{ dataset: 'r/tokens', tables: ['tokens'], key: null }],
};
const item: WorkItem = {
  ...{ stage: 'tokens', keys: [KEY], input: COMMIT.input, inputs: COMMIT.inputs, shard: COMMIT.shard, split: 'fit' },
  ...{ size: 1, aux: {} },
};
const units: StepUnits = {
  stage: 'tokens',
  groups: [{ group: 'tokens', units: [{ item, config: {} }] }],
  datasets: [{ dataset: 'r/tokens', tables: ['tokens'], key: KEY, group: 'tokens' }],
  preimages: [],
};

/** What the run does where the commit is not there; one without content makes a smaller search. */
async function commit(store: ObjectStore, content = CONTENT): Promise<Commit> {
  if (content.length === 0) return (await putCommit(store, COMMIT)).commit;
  const stored = await putDataBytes(store, { bytes: content, extension: 'arrow' });
  const object = { table: 'tokens', shard: COMMIT.shard, rows: 1, batches: [], ...stored };
  return (await putCommit(store, { ...COMMIT, objects: [object] })).commit;
}

async function planAndPublish(store: ObjectStore, content = CONTENT): Promise<void> {
  await recordPlan(store, { work: RUN, steps: [step], units });
  const { todo } = await adoptWork(store, units, { mode: 'missing' });
  if (todo.length > 0) await commit(store, content);
  await publish(store, { stage: 'tokens', revision: 1, as: 'whole', datasets: datasetsOf(units) });
}

/** As releases before marks did it. */
async function planWithoutLook(store: ObjectStore): Promise<void> {
  await writePlan(store, withUnits(initialPlan(RUN, [step]), units, new Map()));
  const { todo } = await planWork(store, units, 'missing');
  if (todo.length > 0) await commit(store);
  await publish(store, { stage: 'tokens', revision: 1, as: 'whole', datasets: datasetsOf(units) });
}

/**
 * Prefixes that the plan does not touch; the list of the store's runs, which stays the same; records that only the collector removes
 * and it has listed; what only the plan writes and reads; content that is too young to be collected.
 */
function isPrivate(actor: string, operation: string, key: string): boolean {
  if (/^(refs|schedules|checkpoints|quarantine|probe)\//.test(key)) return true;
  if (operation === 'list' && key.startsWith('runs/')) return true;
  if (actor === 'collector') return operation === 'get' && !key.startsWith('runs/');
  if (operation === 'get' && key.startsWith('runs/')) return true;
  return (operation === 'list' && key.startsWith('snapshots/')) || key.endsWith('.zst');
}

interface Troubles {
  /** Whether the collector may die. */
  readonly death?: boolean;
  /** Jumps of time by which a collector is taken for dead. */
  readonly ticks?: number;
  readonly content?: Buffer;
}

function search(
  plan: (store: ObjectStore, content?: Buffer) => Promise<void>,
  check: Search['check'],
  troubles: Troubles = {},
): Search {
  return {
    startMs: NOW - 3 * DAY,
    ageMs: 3 * DAY,
    // An earlier run that was removed has made the commit; the new one is stored and has planned nothing.
    fill: async (store) => {
      await commit(store, troubles.content);
      await writePlan(store, initialPlan(RUN, [step]));
    },
    actors: [
      { name: 'plan', run: (store) => plan(store, troubles.content) },
      { name: 'collector', run: (store) => collectGarbage(store), mayDie: troubles.death ?? false },
    ],
    isPrivate,
    looksAnew: (actor, operation, key) => actor === 'collector' && operation === 'list' && key === 'data/',
    wakes: (key) => key.startsWith('collections/'),
    tickMs: EXPIRY_MS,
    ticks: troubles.ticks ?? 0,
    check,
  };
}

/** What the published dataset names and the store does not hold. */
async function lostOf({ store }: Pick<Ended, 'store'>): Promise<string[]> {
  const snapshot = await latestSnapshot(store, 'r/tokens');
  if (snapshot === null) return ['the snapshot'];
  const commits = await collect(readSnapshotCommits(store, snapshot));
  const keys = commits.flatMap((one) => [commitKey(one), ...one.objects.map((object) => object.key)]);
  const there = await Promise.all(keys.map((key) => store.head(key)));
  return keys.filter((_, i) => there[i] === null);
}

async function assertNothingLost(end: Ended, ends: Set<string>): Promise<void> {
  const plan = end.outcomes.get('plan');
  const collector = end.outcomes.get('collector');
  const course = end.course.join(', ');
  expect(plan, course).toMatchObject({ status: 'fulfilled' });
  expect(await lostOf(end), course).toEqual([]);
  ends.add(typeof collector === 'object' ? collector.status : String(collector));
  if (typeof collector === 'object' && collector.status === 'rejected')
    expect(collector.reason).toBeInstanceOf(ResourceError);
}

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  await initZstd();
});
afterAll(() => {
  vi.useRealTimers();
});

describe('a plan beside a collection', () => {
  it.each([
    ['whatever the order of their requests', {}, ['fulfilled']],
    ['and the collector dies at any moment', { death: true }, ['dead', 'fulfilled']],
    ['and the collector stalls and is taken for dead', { ticks: 2, content: Buffer.of() }, ['fulfilled', 'rejected']],
  ])(
    'loses nothing: %s',
    async (_, troubles, expected) => {
      const ends = new Set<string>();
      await playAll(search(planAndPublish, (end) => assertNothingLost(end, ends), troubles));
      expect([...ends].sort()).toEqual(expected);
    },
    240_000,
  );

  it('would lose what it counts as done if it did not look for the mark', async () => {
    const lost = new Error('lost');
    const check = async (end: Ended): Promise<void> => {
      const plan = end.outcomes.get('plan');
      if (typeof plan === 'object' && plan.status === 'fulfilled' && (await lostOf(end)).length > 0) throw lost;
    };
    await expect(playAll(search(planWithoutLook, check))).rejects.toBe(lost);
  }, 120_000);
});
