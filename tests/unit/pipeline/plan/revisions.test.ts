// Two files under one name at the same moment: one of them gets the revision, the other one notices. Equal files are one run.
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import type { ResolvedWithUploads } from '../../../../pipeline/resolve/resolve-run.js';
import { resolveRun } from '../../../../pipeline/resolve/resolve-run.js';
import { loadRunFile } from '../../../../pipeline/files/load.js';
import { settleRun } from '../../../../pipeline/execute/submit.js';
import { claimRevision } from '../../../../pipeline/plan/revisions.js';
import { storeRun } from '../../../../pipeline/plan/run-records.js';
import { withUnits } from '../../../../pipeline/plan/plan-record.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { readPlan, writePlan } from '../../../../storage/records/plan-record.js';
import { listAll } from '../../../../storage/records/record-io.js';
import { appendEvent } from '../../../../storage/records/events.js';
import { latestRevision, readResolvedRun } from '../../../../storage/records/resolved-runs.js';
import { findRun } from '../../../../storage/records/run-history.js';
import { markBegun } from '../../../../storage/records/runs.js';
import { forgetRun } from '../../../../pipeline/execute/remove-run.js';
import { failureOf } from '../../../harness/failure-of.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { writeRun } from '../../cli/pipeline.js';

let one: ResolvedWithUploads;
let other: ResolvedWithUploads;

async function resolved(folder: string, k: number, nowMs: number): Promise<ResolvedWithUploads> {
  const file = await writeRun(folder, (yaml) => yaml.replace('k: 4', `k: ${k}`));
  const loaded = await loadRunFile(file);
  const rest = { folder: loaded.folder, revision: 1, until: 'index', limitDocuments: null, hostId: 'here' } as const;
  return resolveRun(loaded.runFile, { ...rest, nowMs });
}

beforeAll(async () => {
  const folder = temporaryFolder('revisions');
  one = await resolved(`${folder}/one`, 4, 1);
  other = await resolved(`${folder}/other`, 8, 2);
});

const nobody = (): Promise<boolean> => Promise.resolve(false);

describe('a revision', () => {
  it('that another file got at the same moment is refused, and its records stay', async () => {
    const store = createMemoryStore();
    const outcomes = await Promise.allSettled([one, other].map((file) => settleRun(store, file, nobody)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = outcomes.find((outcome) => outcome.status === 'rejected')?.reason as Error;
    expect(lost).toBeInstanceOf(InputError);
    expect(lost.message).toMatch(/revision 1 of "small".*another file was started under this name/);
    const won = outcomes.find((outcome) => outcome.status === 'fulfilled')?.value;
    const standing = await readResolvedRun(store, { name: 'small', revision: 1 });
    expect(standing.dictionaries).toEqual(won?.run.dictionaries);
  });

  it('that the same file got twice is one run, as it was stored first', async () => {
    const store = createMemoryStore();
    const later = { ...one, run: { ...one.run, createdMs: 99 } };
    const [first, second] = await Promise.all([one, later].map((file) => settleRun(store, file, nobody)));
    expect(second?.run).toEqual(first?.run);
    expect(await readResolvedRun(store, { name: 'small', revision: 1 })).toEqual(first?.run);
  });

  it('keeps the plan that it has when it is stored again', async () => {
    const store = createMemoryStore();
    const run = await storeRun(store, one.run, one.uploads);
    const first = await readPlan(store, run);
    const dataset = { dataset: 'small/more', tables: ['t'], key: 'a'.repeat(64), group: 'g' };
    const units = { stage: 'tokens', groups: [], datasets: [dataset], preimages: [] } as const;
    const grown = withUnits(first ?? expect.fail('no plan'), units, new Map());
    await writePlan(store, grown);
    await storeRun(store, one.run, one.uploads);
    expect(await readPlan(store, run)).toEqual(grown);
    expect(grown.stages.at(-1)).toMatchObject({ dataset: 'small/more', key: dataset.key });
  });

  it('is of one kind: a run and a suite do not both get it', async () => {
    const store = createMemoryStore();
    const revision = { name: 'small', revision: 1 };
    await claimRevision(store, revision, 'suite');
    const error = await failureOf(storeRun(store, one.run, one.uploads));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain('revision 1 of "small"');
    const documents = (await listAll(store, 'runs/')).map(({ key }) => key);
    expect(documents).toEqual(['runs/small/1/suite.json']);
  });

  it('of a file that was refused after it was stored counts for nothing, and is taken up when that file is started', async () => {
    const store = createMemoryStore();
    // Both stored before either workflow was started; the first one starts, the other one is refused.
    expect((await settleRun(store, one, nobody)).run.revision).toBe(1);
    expect((await settleRun(store, other, nobody)).run.revision).toBe(2);
    await markBegun(store, { name: 'small', revision: 1 });
    expect((await latestRevision(store, 'small'))?.revision).toBe(1);
    expect(await findRun(store, 'small')).toEqual({ name: 'small', revision: 1 });
    expect(await settleRun(store, one, nobody)).toMatchObject({ same: true, run: { revision: 1 } });
    expect(await settleRun(store, other, nobody)).toMatchObject({ same: false, run: { revision: 2 } });
    const third = { ...one, run: { ...one.run, limitDocuments: 3 } };
    expect(await settleRun(store, third, nobody)).toMatchObject({ same: false, run: { revision: 3 } });
    await markBegun(store, { name: 'small', revision: 3 });
    // What was passed over is not taken up behind a later one's back.
    expect(await settleRun(store, other, nobody)).toMatchObject({ same: false, run: { revision: 4 } });
  });

  it('of a run that was removed while it was at work is a new one, as soon as its workflow is gone', async () => {
    const store = createMemoryStore();
    const { run } = await settleRun(store, one, nobody);
    await appendEvent(store, run, { type: 'started', data: {}, atMs: 1 });
    await forgetRun(store, 'small', true);
    const alive = settleRun(store, one, () => Promise.resolve(true));
    expect((await failureOf(alive)).message).toContain('`assay cancel small`, then start this file again');
    await appendEvent(store, run, { type: 'stage-started', data: {}, atMs: 2 });
    const resumed = await failureOf(findRun(store, 'small'));
    expect(resumed.message).toMatch(/`assay rm small`; `assay run` with its file starts it anew/);
    expect(await settleRun(store, one, nobody)).toMatchObject({ same: false, run: { revision: 2 } });
    expect(await findRun(store, 'small')).toEqual({ name: 'small', revision: 2 });
  });
});
