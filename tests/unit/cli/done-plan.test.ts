// `plan` of a run that is done says so and nothing of work; what `--exact` counted and what it estimates from that is told apart; and
// metrics name the stage that makes them from the start.
import path from 'node:path';
import { expect, it } from 'vitest';
import { plan } from '../../../cli/orchestration/plan.js';
import { finishedRun } from './finished-run.js';
import { runCli, type CliResult } from './harness.js';
import { runStages, submitRun, writeRun } from './pipeline.js';
import { openStore } from '../../../storage/objects/open-store.js';

const { folder } = finishedRun('label');

const planOf = (file: string, exact = false): Promise<CliResult> =>
  runCli(['plan', file], { cwd: folder, act: (context) => plan({ file, exact }, context) });

it('says that everything is done, and nothing of memory or of estimates', async () => {
  const { out, err } = await planOf(path.join(folder, 'run.yaml'));
  expect(out).toMatch(/\nEverything is done; nothing to do\.\n$/);
  expect(err).not.toContain('Memory of a compute child');
});

it('says with --exact that what follows from the counts is estimated', async () => {
  const file = await writeRun(path.join(folder, 'fresh'));
  const { out, err } = await planOf(file, true);
  expect(out).toContain('~ estimated from what was counted; ? known after the steps before it.');
  expect(out).toMatch(/\nThe corpus was counted; about \d+ s of work on this machine\. Nothing was written\.\n$/);
  expect(err).toContain('Memory of a compute child');
});

it('metrics of a dictionary that is only trained wait for the index', async () => {
  const own = path.join(folder, 'training');
  const store = await openStore('file://./data', { base: own });
  const run = await submitRun(store, await writeRun(own));
  await runStages(store, run, { folder: own, until: 'train' });
  await store.close();
  const { code, err } = await runCli(['metrics', 'dict', '--store', 'data'], { cwd: own });
  expect(code).toBe(2);
  expect(err).toContain('small/dict is not measured yet; wait for the stage index (`assay status small`)');
});
