// `assay cancel` ends a run within 10 s in every stage, with a lot in hand whose work would never end: the lot is told, its child
// is stopped, and a resume goes on.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { STAGES, type StageName } from '../../schemas/stages.js';
import { hangingStage } from './harness/poison.js';
import type { Project } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';
import { trainedRun } from './harness/trained.js';
import { untilStatus } from './harness/watch.js';
import type { TestWorker } from './harness/worker.js';

const WITHIN_MS = 10_000;

const scene = useScene();
let project: Project;
let worker: TestWorker;
let hanging: Awaited<ReturnType<typeof hangingStage>>;

beforeAll(async () => {
  project = await scene.project({ chapters: 10, run: trainedRun(20) });
  hanging = await hangingStage(project);
  worker = await scene.worker(project, { env: hanging.env });
}, 60_000);

async function until(test: () => boolean | Promise<boolean>, seconds: number): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s`);
    await sleep(50);
  }
}

/** Cancels the run while a lot of `stage` hangs, and sees it end in time. */
async function cancelIn(stage: StageName): Promise<void> {
  await until(() => hanging.hangs(stage), 60);
  const children = await worker.childPids();
  const askedMs = Date.now();
  succeeded(await project.assay('cancel', 'small'));
  const tookMs = Date.now() - askedMs;
  const { state } = await untilStatus(project, () => true);
  expect(state).toBe('cancelled');
  expect(tookMs).toBeLessThan(WITHIN_MS);
  // The child that hung is gone; the worker lives on and may have started another.
  await until(async () => (await worker.childPids()).length < children.length || children.length === 0, 5);
}

describe('cancel of a run whose lot never ends', () => {
  // One follows the other. Evaluation runs beside the index, so a revision that only adds it comes after.
  it.each(STAGES.filter((stage) => stage !== 'evaluate'))(
    'in %s',
    async (stage) => {
      await hanging.hang(stage);
      succeeded(await (stage === 'corpus' ? project.assay('run', 'run.yaml') : project.assay('resume', 'small')));
      await cancelIn(stage);
    },
    120_000,
  );

  it('in evaluate', async () => {
    await hanging.hang(null);
    succeeded(await project.assay('resume', 'small', '--follow'));
    await hanging.hang('evaluate');
    const file = path.join(project.folder, 'run.yaml');
    const run = parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, stringify({ ...run, evaluation: { resamples: 20 } }));
    succeeded(await project.assay('run', 'run.yaml'));
    await cancelIn('evaluate');
  }, 120_000);

  it('a resume then does the rest', async () => {
    await hanging.hang(null);
    succeeded(await project.assay('resume', 'small', '--follow'));
  }, 120_000);
});
