// A run that trains its own model: killed three times it ends with the bytes of an undisturbed one, and its model and rows are
// those of `model train` followed by a run over the model's file.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestTemporal, type TestTemporal } from '../servers/temporal.js';
import { untilEvent } from './harness/events.js';
import { createProject, runOf, TINY, type Project } from './harness/project.js';
import { DICTIONARY, trainedModel, trainedRun } from './harness/trained.js';
import { untilStatus } from './harness/watch.js';
import { startTestWorker, type TestWorker } from './harness/worker.js';

/** Enough steps for kills to strike in the middle. */
const STEPS = 200;

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await startTestTemporal();
}, 120_000);
afterAll(() => temporal.stop());

const worker = (project: Project): Promise<TestWorker> =>
  startTestWorker(project, { address: temporal.address, slots: 2 });

it('killed three times it gives the bytes of an undisturbed run, and of a run over the trained model', async () => {
  const undisturbed = await createProject({ address: temporal.address, run: trainedRun(STEPS) });
  const first = await worker(undisturbed);
  const { code, stderr } = await undisturbed.assay('run', 'run.yaml', '--follow');
  expect(stderr).not.toContain('failed');
  expect(code).toBe(0);
  const expected = await undisturbed.digests();
  expect(Object.keys(expected)).toContain('small/models/model');

  const killed = await createProject({ address: temporal.address, run: trainedRun(STEPS) });
  const workers = [await worker(killed)];
  expect((await killed.assay('run', 'run.yaml', '--workers', '0')).code).toBe(0);
  for (const [stage, delayMs] of [
    ['language-model', 1500],
    ['activations', 300],
    ['train', 300],
  ] as const) {
    await untilEvent(killed, 'stage-started', { step: stage });
    await sleep(delayMs);
    await workers.at(-1)?.stop('SIGKILL');
    workers.push(await worker(killed));
  }
  const { state } = await untilStatus(killed, ({ state: now }) => now !== 'running', { seconds: 400 });
  expect(state).toBe('completed');
  expect(await killed.digests()).toEqual(expected);
  await Promise.all(workers.map((one) => one.stop('SIGKILL')));
  await killed.remove();

  // The same model by `model train`, and a run over its file: the same rows under the same key.
  const { train } = trainedModel(STEPS) as { train: { model: object; training: object } };
  await writeFile(
    path.join(undisturbed.folder, 'train.yaml'),
    stringify({
      ...{ name: 'alone', store: 'file://./data', tokenizer: path.join(TINY, 'tokenizer.json') },
      corpus: (runOf() as { corpus: object }).corpus,
      model: { name: 'model', contextTokens: 32, ...train.model },
      training: train.training,
    }),
  );
  expect((await undisturbed.assay('model', 'train', 'train.yaml', '--out', 'models')).code).toBe(0);
  const file = path.join(undisturbed.folder, 'run.yaml');
  const text = (await readFile(file, 'utf8')).replace('name: small', 'name: over');
  const over = {
    ...runOf({ run: { activations: { hooks: [DICTIONARY.hook], batchTokens: 2048 }, saes: [] } }),
    name: 'over',
  };
  expect(text).toContain('name: over');
  await writeFile(
    file,
    stringify({
      ...over,
      model: {
        onnx: 'models/model/model.onnx',
        tokenizer: path.join(TINY, 'tokenizer.json'),
        ...{ contextTokens: 32, prepend: '<|endoftext|>' },
      },
    }),
  );
  expect((await undisturbed.assay('run', 'run.yaml', '--follow')).code).toBe(0);
  const digests = await undisturbed.digests();
  expect(digests[`over/activations/${DICTIONARY.hook}`]).toBe(digests[`small/activations/${DICTIONARY.hook}`]);
  expect(digests['alone/models/model']).toBe(digests['small/models/model']);
  await first.stop();
  await undisturbed.remove();
}, 600_000);
