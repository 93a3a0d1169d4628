// What a user does to a run that goes on: pause, set, unpause, cancel, signals, another file under its name, workers that come and go.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { PROGRESS_QUERY } from '../../schemas/orchestration.js';
import type { Project, ProjectOptions } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';
import { ENDED, progressOf, untilStatus, type Status } from './harness/watch.js';
import type { TestWorker } from './harness/worker.js';

const CHAPTERS = 80;
/** A pause reaches work in hand with the answer to a heartbeat, every 3 s; then the shard in hand finishes. */
const SETTLE_MS = 6000;

const scene = useScene({ until: 'test' });
let undisturbed: Record<string, string>;

const project = (options: ProjectOptions = {}): Promise<Project> => scene.project({ chapters: CHAPTERS, ...options });
const worker = (of: Project): Promise<TestWorker> => scene.worker(of);

beforeAll(async () => {
  undisturbed = await (await scene.finished({ chapters: CHAPTERS })).digests();
  await scene.clear();
}, 180_000);

/** Starts the run and waits until a stage has done something and not everything. */
async function startInto(of: Project, stage: 'activations' | 'encode'): Promise<{ workflow: string }> {
  const begun = await of.json<{ workflow: string }>('run', 'run.yaml');
  await untilStatus(of, (status) => progressOf(status, stage).done > 0);
  return begun;
}

const counts = (status: Status): number[] => status.stages.map((row) => row.done);

describe('pause, set and unpause', () => {
  it('stop what is given out, commit nothing meanwhile, and go on to the same bytes', async () => {
    const paused = await project();
    await worker(paused);
    const { workflow } = await startInto(paused, 'activations');
    expect((await paused.assay('pause', 'small')).stdout).toContain('assay unpause small');
    await untilStatus(paused, ({ state }) => state === 'paused');
    await sleep(SETTLE_MS);
    const before = await untilStatus(paused, () => true);
    const { done, planned } = progressOf(before, 'activations');
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(planned);
    expect(before.reason).toBe('paused by a user');

    succeeded(await paused.assay('set', 'small', '--window', '1', '--tolerance', '0.5'));
    const connection = await Connection.connect({ address: scene.temporal.address });
    const handle = new Client({ connection }).workflow.getHandle(workflow);
    expect(await handle.query(PROGRESS_QUERY)).toMatchObject({
      ...{ paused: true, window: 1, tolerance: 0.5, stage: 'activations' },
    });
    const { typedSearchAttributes } = await handle.describe();
    const attributes = typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]);
    expect(Object.fromEntries(attributes)).toMatchObject({
      ...{ AssayRun: 'small', AssayStage: 'activations' },
    });
    await connection.close();

    await sleep(4000);
    expect(counts(await untilStatus(paused, () => true))).toEqual(counts(before));

    succeeded(await paused.assay('unpause', 'small'));
    const end = await untilStatus(paused, ({ state }) => ENDED.includes(state));
    expect(end.state).toBe('completed');
    expect(await paused.digests()).toEqual(undisturbed);
    const { events } = await paused.json<{
      events: { type: string; data: Record<string, unknown> }[];
    }>('logs', 'small');
    expect(events.map((event) => event.type)).toEqual(
      expect.arrayContaining(['paused', 'limits', 'unpaused', 'completed']),
    );
    // Shards that were done before the pause were not done again: one is in the works, one is read ahead.
    const total = events.find((event) => event.type === 'completed')?.data['done'];
    const shards = events
      .filter((event) => event.type === 'stage-started')
      .reduce((sum, event) => sum + Number(event.data['items']), 0);
    expect(total).toBe(shards);
  }, 180_000);

  it('refuse a run that is not active, and a set without a value', async () => {
    const idle = await project();
    const pause = await idle.assay('pause', 'small');
    expect(pause.code).toBe(2);
    expect(pause.stderr).toContain('found no such folder');
    const set = await idle.assay('set', 'small');
    expect(set.code).toBe(2);
    expect(set.stderr).toContain('--window or --tolerance');
  });
});

describe('cancel', () => {
  it('keeps what is committed, and a resume ends with the same bytes', async () => {
    const cancelled = await project();
    await worker(cancelled);
    await startInto(cancelled, 'activations');
    const result = await cancelled.assay('cancel', 'small');
    expect(result.code).toBe(0);
    const { state, stages } = await untilStatus(cancelled, () => true);
    expect(state).toBe('cancelled');
    expect(stages.find((row) => row.stage === 'activations')?.done).toBeGreaterThan(0);
    const resumed = await cancelled.assay('resume', 'small', '--follow');
    expect(resumed.code).toBe(0);
    expect(await cancelled.digests()).toEqual(undisturbed);
  }, 180_000);
});

describe('SIGTERM of a worker', () => {
  it.each(['activations', 'encode'] as const)(
    'in %s: it ends with code 0 in time, and another worker completes the run',
    async (stage) => {
      const handed = await project();
      const first = await worker(handed);
      await startInto(handed, stage);
      const askedMs = Date.now();
      expect(await first.stop('SIGTERM')).toBe(0);
      expect(Date.now() - askedMs).toBeLessThan(25_000);
      const left = await untilStatus(handed, () => true);
      expect(left.state).toBe('running');
      await worker(handed);
      const end = await untilStatus(handed, ({ state }) => ENDED.includes(state));
      expect(end.state).toBe('completed');
      expect(await handed.digests()).toEqual(undisturbed);
    },
    180_000,
  );
});

describe('run', () => {
  it('refuses a changed file under the name of an active run', async () => {
    const changed = await project();
    succeeded(await changed.assay('run', 'run.yaml', '--workers', '0'));
    const file = path.join(changed.folder, 'run.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('topExamples: 8', 'topExamples: 4'));
    const refused = await changed.assay('run', 'run.yaml');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('Run "small" is active with another run file (revision 1)');
    expect(refused.stderr).toContain('assay cancel small');
    expect(await readdir(path.join(changed.folder, 'data', 'runs', 'small'))).toEqual(['1']);
  }, 120_000);

  it('ends after the stage of --until and reads the documents of --limit', async () => {
    const small = await project();
    await worker(small);
    const result = await small.assay(...['run', 'run.yaml', '--until', 'tokens', '--limit', '7', '--follow']);
    expect(result.code).toBe(0);
    const datasets = await small.json<{ name: string; rows: number }[]>('datasets');
    expect(datasets.map(({ name }) => name)).not.toContain('small/activations/blocks.2.hook_resid_post');
    expect(datasets.find(({ name }) => name === 'small/documents')?.rows).toBe(7);
  }, 60_000);

  it('goes on after Ctrl-C of --follow, which exits with 130 and says how to follow', async () => {
    const followed = await project();
    await worker(followed);
    const command = followed.start('run', 'run.yaml', '--follow');
    await untilStatus(followed, (status) => progressOf(status, 'activations').done > 0);
    command.child.kill('SIGINT');
    const { code, stdout, stderr } = await command.ended;
    expect(code).toBe(130);
    expect(stdout + stderr).toContain('assay resume small --follow');
    const joined = await followed.assay('resume', 'small', '--follow');
    expect(joined.code).toBe(0);
    expect(await followed.digests()).toEqual(undisturbed);
  }, 120_000);

  it('without a Temporal server exits with 3 and the remedy', async () => {
    const alone = await project({ env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
    const result = await alone.assay('run', 'run.yaml');
    expect(result.code).toBe(3);
    expect(result.stderr).toContain('127.0.0.1:1');
    expect(result.stderr).toContain('assay up');
  }, 60_000);

  it('with --workers 1 starts a worker that ends with the run', async () => {
    const lone = await project({ chapters: 30 });
    const result = await lone.assay('run', 'run.yaml', '--follow', '--workers', '1');
    expect(result.code).toBe(0);
    const pid = Number(/started a worker for this run: pid (\d+)/.exec(result.stderr)?.[1]);
    expect(pid).toBeGreaterThan(1);
    for (let waited = 0; (await alive(pid)) && waited < 40_000; waited += 200) await sleep(200);
    expect(await alive(pid)).toBe(false);
  }, 120_000);
});

async function alive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) Z /.test(stat);
}
