// Nobody waits for ever: runs one after the other, a worker that was killed a moment ago, a worker for workflows alone, two `up` at once.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { endProcess, isAlive, type ProcessRecord } from '../../servers/process-record.js';
import { untilEvent } from './harness/events.js';
import type { Project } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';
import { untilStatus } from './harness/watch.js';

const scene = useScene({ until: 'test' });
const SHORT = ['--until', 'tokens', '--follow'];

/** The workers that commands of the project have started and that live. */
async function workersOf({ folder }: Project): Promise<ProcessRecord[]> {
  const names = await readdir(path.join(folder, '.assay'));
  const files = names.filter((name) => /^worker-.*\.pid\.json$/.test(name));
  const texts = await Promise.all(files.map((name) => readFile(path.join(folder, '.assay', name), 'utf8')));
  const records = texts.map((text) => JSON.parse(text) as ProcessRecord);
  const alive = await Promise.all(records.map(isAlive));
  return records.filter((_, i) => alive[i]);
}

async function killWorkers(project: Project): Promise<void> {
  await Promise.all((await workersOf(project)).map((record) => endProcess(record, 0)));
}

it('a run right after another is not left to its worker, which ends; nor to one that was killed', async () => {
  const project = await scene.project({ chapters: 2 });
  try {
    succeeded(await project.assay('run', 'run.yaml', '--until', 'corpus', '--follow'));
    // Another revision, at once: the worker of the first still polls, and may take it or end.
    succeeded(await project.assay('run', 'run.yaml', ...SHORT));
    await killWorkers(project);
    const third = project.start('resume', 'small', '--mode', 'all', '--follow');
    const deadline = Date.now() + 60_000;
    const isStarted = (): boolean => third.stderr().includes('started a worker for this run');
    while (!isStarted() && Date.now() < deadline) await sleep(20);
    // The one that was started for it dies too: the command that follows sees to another.
    await killWorkers(project);
    succeeded(await third.ended);
    expect(third.stderr().match(/started a worker for this run/g)?.length).toBeGreaterThan(0);
  } finally {
    await killWorkers(project);
  }
}, 180_000);

it('a run that a worker for workflows alone holds names what is not served, and is cancelled at once', async () => {
  const project = await scene.project({ chapters: 2 });
  await scene.worker(project, { roles: ['orchestrate'] });
  const run = await project.assay('run', 'run.yaml', '--workers', '0');
  succeeded(run);
  expect(run.stderr).toContain('small waits: nobody serves the queue assay-io; start `assay worker --roles io`.');
  expect(run.stderr).not.toContain('assay-orchestrate');
  await untilEvent(project, 'stage-started', { step: 'corpus' });
  const askedMs = Date.now();
  const cancelled = await project.assay('cancel', 'small');
  succeeded(cancelled);
  expect(cancelled.stdout).toContain('small is cancelled');
  expect(Date.now() - askedMs).toBeLessThan(10_000);
}, 90_000);

it('a cancel where no worker is left starts one for it', async () => {
  const project = await scene.project({ chapters: 2 });
  succeeded(await project.assay('run', 'run.yaml', '--workers', '0'));
  const paused = await project.assay('pause', 'small');
  expect(paused.stderr).toContain(
    'nobody serves the queue assay-orchestrate; start `assay worker --roles orchestrate`',
  );
  const cancelled = await project.assay('cancel', 'small');
  expect(cancelled.stdout).toContain('small is cancelled');
  await untilStatus(project, ({ state }) => state === 'cancelled');
  await killWorkers(project);
}, 90_000);

it('two `up` at once make one server, which `down` stops', async () => {
  const project = await scene.project({ chapters: 2 });
  const both = await Promise.all([1, 2].map(() => project.assay('up', '--workers', '0', '--json')));
  for (const result of both) expect(result.code, result.stderr).toBe(0);
  const [first, second] = both.map(({ stdout }) => (JSON.parse(stdout) as { temporal: string }).temporal);
  expect(second).toBe(first);
  expect(both.map(({ stderr }) => stderr).join('\n')).toMatch(
    /waiting for `assay up` of pid \d+, which began \d+ s ago/,
  );
  const down = await project.json<{ stopped: { name: string }[] }>('down');
  expect(down.stopped.map(({ name }) => name)).toEqual(['temporal']);
}, 120_000);

it('`up` after the server was killed brings it back where its workers look for it, or gives them one', async () => {
  const project = await scene.project({ chapters: 2 });
  interface Stack {
    readonly temporal: string;
    readonly workers: readonly { readonly pid: number }[];
  }
  const killServer = async (): Promise<void> => {
    const text = await readFile(path.join(project.folder, '.assay', 'temporal.pid.json'), 'utf8');
    await endProcess(JSON.parse(text) as ProcessRecord, 0);
  };
  try {
    const first = await project.json<Stack>('up', '--workers', '1');
    await killServer();
    const again = await project.json<Stack>('up', '--workers', '1');
    expect(again).toMatchObject({ temporal: first.temporal, workers: first.workers });
    succeeded(await project.assay('run', 'run.yaml', ...SHORT));

    await killServer();
    // As where somebody has taken the port.
    const file = path.join(project.folder, '.assay', 'config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...config, temporal: undefined }));
    const elsewhere = await project.json<Stack>('up', '--workers', '1');
    expect(elsewhere.temporal).not.toBe(first.temporal);
    expect(elsewhere.workers).not.toEqual(first.workers);
  } finally {
    await project.assay('down');
  }
  expect(await workersOf(project)).toEqual([]);
}, 120_000);
