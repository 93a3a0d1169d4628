// A run that trains its own model: killed three times it ends with the bytes of an undisturbed one, and its model and rows are
// those of `model train` followed by a run over the model's file.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { expect, it } from 'vitest';
import { untilEvent } from './harness/events.js';
import { TOKENIZER } from '../harness/fixtures.js';
import { runOf, type Project } from './harness/project.js';
import { useScene } from './harness/scene.js';
import { DICTIONARY, trainedModel, trainedRun } from './harness/trained.js';
import { untilStatus } from './harness/watch.js';
import type { TestWorker } from './harness/worker.js';

/** Enough steps for kills to strike in the middle. */
const STEPS = 200;

const scene = useScene();
const worker = (project: Project): Promise<TestWorker> => scene.worker(project, { slots: 2 });

it('killed three times it gives the bytes of an undisturbed run, and of a run over the trained model', async () => {
  const undisturbed = await scene.finished({ run: trainedRun(STEPS) }, { slots: 2 });
  const expected = await undisturbed.digests();
  expect(Object.keys(expected)).toContain('small/models/model');

  const killed = await scene.project({ run: trainedRun(STEPS) });
  let victim = await worker(killed);
  expect((await killed.assay('run', 'run.yaml', '--workers', '0')).code).toBe(0);
  for (const [stage, delayMs] of [
    ['language-model', 1500],
    ['activations', 300],
    ['train', 300],
  ] as const) {
    await untilEvent(killed, 'stage-started', { step: stage });
    await sleep(delayMs);
    await victim.stop('SIGKILL');
    victim = await worker(killed);
  }
  const { state } = await untilStatus(killed, ({ state: now }) => now !== 'running', { seconds: 400 });
  expect(state).toBe('completed');
  expect(await killed.digests()).toEqual(expected);
  await victim.stop();

  // The same model by `model train`, and a run over its file: the same rows under the same key.
  const { train } = trainedModel(STEPS) as { train: { model: object; training: object } };
  await writeFile(
    path.join(undisturbed.folder, 'train.yaml'),
    stringify({
      ...{ name: 'alone', store: 'file://./data', tokenizer: TOKENIZER },
      corpus: (runOf() as { corpus: object }).corpus,
      model: { name: 'model', contextTokens: 32, ...train.model },
      training: train.training,
    }),
  );
  expect((await undisturbed.assay('model', 'train', 'train.yaml', '--out', 'models')).code).toBe(0);
  const over = runOf({
    run: {
      name: 'over',
      model: { onnx: 'models/model/model.onnx', contextTokens: 32 },
      ...{ activations: { hooks: [DICTIONARY.hook], batchTokens: 2048 }, saes: [] },
    },
  });
  await writeFile(path.join(undisturbed.folder, 'run.yaml'), stringify(over));
  await worker(undisturbed);
  expect((await undisturbed.assay('run', 'run.yaml', '--follow')).code).toBe(0);
  const digests = await undisturbed.digests();
  expect(digests[`over/activations/${DICTIONARY.hook}`]).toBe(digests[`small/activations/${DICTIONARY.hook}`]);
  expect(digests['alone/models/model']).toBe(digests['small/models/model']);
}, 600_000);
