// A suite of twelve small models from one file, one of them poisoned and the worker killed twice: eleven complete and the suite says
// so; what they share is computed once; the suite is paused, resumed, shown and forgotten as a whole.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { attemptRecord } from '../../schemas/records.js';
import { listRuns } from '../../storage/records/revisions.js';
import { listAttempts } from '../../storage/records/runs.js';
import { runOf, type Project } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';
import { ENDED, untilSuite, type SuiteStatus } from './harness/watch.js';
import { DICTIONARY, trainedModel } from './harness/trained.js';
import type { TestWorker } from './harness/worker.js';

/** Items that a worker of two slots has in hand at most. */
const IN_HAND = 4;
const KILLS = 2;
/** Learning rates of eleven models. */
const RATES = Array.from({ length: 11 }, (_, i) => (i + 10) / 4000);
/** A learning rate that no model survives. */
const POISON = 100_000_000_000_000;

const scene = useScene();
let project: Project;
let worker: TestWorker;

beforeAll(async () => {
  project = await scene.project({ chapters: 30 });
  worker = await scene.worker(project, { slots: 2 });
}, 120_000);

interface SuiteFile {
  readonly name: string;
  readonly model: Record<string, unknown>;
  readonly matrix: Readonly<Record<string, readonly number[]>>;
  readonly parallel: number;
}

/** Writes the file of a suite whose members train a model and extract one site of it. */
async function writeSuite(suite: string, { name, model, ...members }: SuiteFile): Promise<void> {
  const activations = { hooks: [DICTIONARY.hook], batchTokens: 2048 };
  const file = { ...runOf({ run: { name, model, activations, saes: [] } }), ...members };
  await writeFile(path.join(project.folder, `${suite}.yaml`), stringify(file));
}

const until = (suite: string, test: (status: SuiteStatus) => boolean, seconds = 60): Promise<SuiteStatus> =>
  untilSuite(project, test, { suite, seconds });

describe('a suite', () => {
  it('of twelve models with a poisoned one and two kills completes eleven, computes what they share once, and says so', async () => {
    await writeSuite('twelve', {
      ...{ name: 'm-{{lr}}', model: trainedModel(20, { lr: '{{lr}}' }) },
      ...{ matrix: { lr: [...RATES, POISON] }, parallel: 3 },
    });
    expect((await project.assay('run', 'twelve.yaml', '--workers', '0')).code).toBe(0);
    for (let kill = 1; kill <= KILLS; kill++) {
      await until('twelve', ({ counts }) => (counts['completed'] ?? 0) >= kill);
      await worker.stop('SIGKILL');
      worker = await scene.worker(project, { slots: 2 });
    }
    const last = await until('twelve', ({ state }) => ENDED.includes(state), 300);
    expect(last.state).toBe('failed');
    expect(last.counts).toEqual({ completed: 11, failed: 1 });
    const bad = last.members.filter(({ state }) => state === 'failed');
    expect(bad.every(({ run }) => run.endsWith(String(POISON)))).toBe(true);
    expect(bad[0]?.reason).toMatch(/^Expected finite numbers in training step \d+/);
    const { repeated, shared } = await attemptsOf();
    expect(repeated).toBeLessThanOrEqual(IN_HAND * KILLS);
    // Corpus, tokens and streams have one key for all members.
    expect(shared).toEqual({ corpus: 1, tokens: 1, stream: 3 });
  }, 400_000);

  it('is shown by its runs, resumed without work to do, and forgotten as a whole', async () => {
    const runs = await project.json<{ run: string }[]>('runs', '--suite', 'twelve');
    expect(runs).toHaveLength(12);
    const again = await project.assay('resume', 'twelve', '--follow', '--workers', '0');
    expect(again.code).toBe(1);
    expect(again.stderr + again.stdout).toContain('11 of 12 complete, 1 failed');
    expect((await project.assay('rm', 'twelve')).code).toBe(0);
    expect(await project.json<unknown[]>('runs')).toEqual([]);
  }, 200_000);

  it('gives out no run while it is paused, ends its runs when it is cancelled, and a member can be resumed alone', async () => {
    await writeSuite('slow', {
      ...{ name: 's-{{seed}}', model: trainedModel(2000, { seed: '{{seed}}' }) },
      ...{ matrix: { seed: [1, 2, 3] }, parallel: 1 },
    });
    expect((await project.assay('run', 'slow.yaml', '--workers', '0')).code).toBe(0);
    await until('slow', ({ counts }) => (counts['running'] ?? 0) > 0);
    expect((await project.assay('pause', 'slow')).code).toBe(0);
    const paused = await until('slow', ({ counts }) => (counts['paused'] ?? 0) > 0);
    expect(paused.counts).toEqual({ paused: 1, waiting: 2 });
    expect((await project.assay('unpause', 'slow')).code).toBe(0);
    expect((await project.assay('cancel', 'slow')).code).toBe(0);
    const ended = await until('slow', () => true);
    expect(ended.state).toBe('cancelled');
    expect(ended.counts).toEqual({ cancelled: 1, waiting: 2 });
    const member = await project.assay('resume', 's-3', '--workers', '0');
    expect(member.stderr).toMatch(/^store file:.*\n$/);
    expect(member.code).toBe(0);
    await until('slow', ({ counts }) => counts['running'] === 1);
    expect((await project.assay('cancel', 's-3')).code).toBe(0);
  }, 200_000);

  it('takes no name of another run: refused before anything is stored, and told where the other run came later', async () => {
    const file = { name: 'own-{{seed}}', model: trainedModel(200, { seed: '{{seed}}' }), parallel: 1 };
    const other = async (name: string): Promise<void> => {
      const activations = { hooks: [DICTIONARY.hook], batchTokens: 2048 };
      const run = runOf({ run: { name, model: trainedModel(20, { seed: 7 }), activations, saes: [] } });
      await writeFile(path.join(project.folder, 'other.yaml'), stringify(run));
      succeeded(await project.assay('run', 'other.yaml', '--workers', '0'));
      expect((await project.assay('cancel', name)).code).toBe(0);
    };
    await writeSuite('ours', { ...file, matrix: { seed: [1, 2] } });
    expect((await project.assay('run', 'ours.yaml', '--workers', '0')).code).toBe(0);
    await other('own-2');
    const last = await until('ours', ({ state }) => ENDED.includes(state), 120);
    expect(last.counts).toEqual({ completed: 1, failed: 1 });
    expect(last.members[1]?.reason).toContain('found that "own-2" is a run of its own with other settings');

    await writeSuite('theirs', { ...file, matrix: { seed: [2, 3] } });
    for (const command of ['run', 'plan']) {
      const refused = await project.assay(command, 'theirs.yaml');
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('Expected the runs of suite "theirs" to have names of their own');
    }
    expect((await project.assay('status', 'theirs')).code).toBe(2);
  }, 200_000);
});

/** Attempts beyond one per item over all runs, and the different keys of the stages that members share. */
async function attemptsOf(): Promise<{ repeated: number; shared: Record<string, number> }> {
  const store = await project.openStore();
  const keys = new Map<string, Set<string>>();
  const items = new Set<string>();
  let attempts = 0;
  for (const { name, revisions } of await listRuns(store))
    for (const revision of revisions)
      for (const { stage, key, input } of await listAttempts(store, { name, revision }, attemptRecord)) {
        attempts++;
        items.add(`${stage}/${key}/${input}`);
        keys.set(stage, (keys.get(stage) ?? new Set()).add(key));
      }
  await store.close();
  const shared = Object.fromEntries(['corpus', 'tokens', 'stream'].map((stage) => [stage, keys.get(stage)?.size ?? 0]));
  return { repeated: attempts - items.size, shared };
}
