// What `status`, `quarantine` and `--follow` count as a run's own: of the records under a key, which other runs share, only those
// of inputs that the run planned.
import { describe, expect, it } from 'vitest';
import { countPlanned } from '../../../reading/runs/planned-records.js';
import { readQuarantined } from '../../../reading/runs/quarantined.js';
import { readRunStatus } from '../../../reading/runs/run-status.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { putCommit } from '../../../storage/records/commits.js';
import { writePlan, type PlanRecord } from '../../../storage/records/plan-record.js';
import { putInputs } from '../../../storage/records/planned-inputs.js';
import { putQuarantine } from '../../../storage/records/quarantine.js';
import { KEY, sampleCommit } from '../storage/records/sample-records.js';

const RUN = { name: 'mine', revision: 1 };

async function quarantine(store: ObjectStore, n: number): Promise<void> {
  const { stage, key, input, inputs, shard, split } = sampleCommit(n);
  await putQuarantine(store, {
    ...{ formatVersion: 1, stage, key, input, inputs, shard, split, errorClass: 'DataError', message: 'm' },
    ...{ details: {}, attempts: 1, run: 'other', revision: 1, atMs: 1 },
  });
}

/** Under one key: commits 0 to 9 and quarantined 10 to 13, of several runs. */
async function sharedStore(): Promise<ObjectStore> {
  const store = createMemoryStore();
  for (let n = 0; n < 10; n++) await putCommit(store, sampleCommit(n));
  for (let n = 10; n < 14; n++) await quarantine(store, n);
  return store;
}

async function plan(store: ObjectStore, own: Partial<PlanRecord['stages'][number]>): Promise<void> {
  const entry = {
    stage: 'tokens',
    dataset: 'mine/tokens',
    tables: ['tokens'],
    key: KEY,
    planned: null,
    size: null,
  } as const;
  const stages = [{ ...entry, tables: [...entry.tables], ...own }];
  await writePlan(store, { formatVersion: 1, run: RUN.name, revision: RUN.revision, stages });
}

const listOf = (from: number, to: number): (readonly [string, string])[] =>
  Array.from({ length: to - from }, (_, i) => [sampleCommit(from + i).input, 'fit'] as const);

async function counts(store: ObjectStore): Promise<object | undefined> {
  const [stage] = (await readRunStatus(store, RUN)).stages;
  return stage && { done: stage.done, planned: stage.planned, quarantined: stage.quarantined };
}

describe('a run that shares a key with others', () => {
  it('has done what of its own plan is committed: 2 of 6, and 3 are quarantined', async () => {
    const store = await sharedStore();
    const inputs = await putInputs(store, [...listOf(8, 13), ...listOf(20, 21)]);
    await plan(store, { planned: 6, inputs });
    expect(await counts(store)).toEqual({ done: 2, planned: 6, quarantined: 3 });
    const { shards } = await readQuarantined(store, RUN);
    expect(shards.map(({ shard }) => shard)).toEqual(['shard-10', 'shard-11', 'shard-12']);
    const entry = { stage: 'tokens', planned: 6, inputs } as const;
    expect(await countPlanned(store, KEY, entry)).toEqual({ done: 2, quarantined: 3 });
  });

  it('has done nothing before it is planned, however much lies under its key', async () => {
    const store = await sharedStore();
    await plan(store, {});
    expect(await counts(store)).toEqual({ done: 0, planned: null, quarantined: 0 });
  });

  it('whose plan is of an earlier release has done no more than it planned', async () => {
    const store = await sharedStore();
    await plan(store, { planned: 6 });
    expect(await counts(store)).toEqual({ done: 6, planned: 6, quarantined: 0 });
  });
});
