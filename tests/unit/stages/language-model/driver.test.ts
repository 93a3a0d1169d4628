// A list of models as one training: what is done is skipped, equal models are trained once, a bad one does not end the others,
// a dead child goes on, and the store keeps what is needed.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkOnly } from '../../../../pipeline/execute/train-models.js';
import { summarise } from '../../../../pipeline/execute/training-summary.js';
import { writeModels } from '../../../../pipeline/execute/write-models.js';
import { datasetDigest } from '../../../../core/identity/digest.js';
import { InputError, TransientError } from '../../../../schemas/errors.js';
import { languageModelTasks } from '../../../../stages/language-model/task.js';
import { parseTrainingFile } from '../../../../pipeline/files/training-file.js';
import { resolveTraining } from '../../../../pipeline/resolve/resolve-training.js';
import { settleRevision, storeTraining } from '../../../../pipeline/plan/training-records.js';
import { modelDataset } from '../../../../stages/language-model/stage.js';
import { openModel } from '../../../../models/open-model.js';
import { parseIds, runModel } from '../../../../models/run-model.js';
import { readResolvedRun } from '../../../../storage/records/resolved-runs.js';
import { planGarbage } from '../../../../storage/gc/collect-garbage.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { listCheckpointSteps } from '../../../../storage/records/checkpoints.js';
import { removeRun } from '../../../../storage/records/removal.js';
import { latestSnapshot, listDatasets } from '../../../../storage/records/snapshots.js';
import { runStages, submitRun, writeRun } from '../../cli/pipeline.js';
import { TOKENIZER } from '../../../harness/fixtures.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';
import { inProcess, makeProject, small, type Project } from './project.js';

const documents = Array.from({ length: 24 }, (_, i) => ({
  id: `d${i}`,
  text: `Document ${i} says ${'again and '.repeat(3 + (i % 4))} again.`,
  split: (['fit', 'fit', 'calib', 'test'] as const)[i % 4] ?? 'fit',
}));
const parts = [documents];

async function digestsOf({ store, training }: Project): Promise<Record<string, unknown>> {
  const entries = training.models.map(async ({ name }) => {
    const snapshot = await latestSnapshot(store, modelDataset(training.name, name));
    return [name, snapshot?.complete ? snapshot.digests : null] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function states(project: Project): Promise<string[]> {
  const units = await project.run();
  const found = await summarise(project.store, project.training, units);
  return found.map(({ entry }) => entry.state);
}

describe('a list of models', () => {
  it('is trained once: again nothing is computed, and the results are the same', async () => {
    const project = await makeProject({ parts, models: [small('a'), small('b', { seed: 7 })] });
    expect(await states(project)).toEqual(['done', 'done']);
    const first = await digestsOf(project);
    expect(project.called.filter((task) => task === 'language-model')).toHaveLength(2);
    project.called.length = 0;
    expect(await states(project)).toEqual(['done', 'done']);
    expect(project.called).toEqual([]);
    expect(await digestsOf(project)).toEqual(first);
    expect(first['a']).not.toEqual(first['b']);
  });

  it('trains models that differ in their names alone once', async () => {
    const models = [small('a'), small('twin'), small('b', { seed: 7 })];
    const project = await makeProject({ parts, models });
    expect(await states(project)).toEqual(['done', 'done', 'done']);
    expect(project.called.filter((task) => task === 'language-model')).toHaveLength(2);
    const digests = await digestsOf(project);
    expect(digests['twin']).toEqual(digests['a']);
  });

  it('tokenises once and lays each stream once, whatever the number of models', async () => {
    const models = Array.from({ length: 5 }, (_, i) => small(`m${i}`, { seed: i }));
    const project = await makeProject({ parts, models, training: { steps: 1 } });
    await project.run();
    const count = (task: string): number => project.called.filter((one) => one === task).length;
    expect([count('corpus'), count('stream'), count('language-model')]).toEqual([1, 3, 5]);
  });

  it('can be trained one by one', async () => {
    const models = [small('a'), small('b', { seed: 7 })];
    const project = await makeProject({ parts, models });
    const units = await project.run({ only: 'b' });
    const found = await summarise(project.store, project.training, units);
    expect(found.map(({ entry }) => entry.state)).toEqual(['open', 'done']);
    expect(() => {
      checkOnly(project.training, 'c');
    }).toThrow('Expected the name of a model of the training, found "c"; there are a, b.');
    const whole = await makeProject({ parts, models });
    await whole.run();
    expect((await digestsOf(project))['b']).toEqual((await digestsOf(whole))['b']);
  });
});

describe('a model whose numbers break', () => {
  const schedule = { lr: 1e30, decay: 'constant' };
  const bad = small('bad', { training: { schedule, clipNorm: null, steps: 6 } });

  it('fails alone, with step and tensor, and keeps its last good checkpoint', async () => {
    const project = await makeProject({ parts, models: [bad, small('good')] });
    const units = await project.run();
    const [first, second] = await summarise(project.store, project.training, units);
    expect(second?.entry.state).toBe('done');
    expect(first?.entry.state).toBe('failed');
    expect(first?.entry.error?.message).toMatch(/^Expected finite numbers in training step \d+/);
    const details = first?.entry.error?.details as { step: number; tensor: string };
    expect(details.tensor).toBeTruthy();
    const steps = await listCheckpointSteps(project.store, first?.entry.key ?? '');
    expect(Math.max(...steps)).toBeLessThan(details.step);
    expect(first?.entry.step).toBe(Math.max(...steps));
  });
});

describe('a compute child that dies', () => {
  const died = (): TransientError => new TransientError('died', { childDied: true });
  type Task = (typeof languageModelTasks)['language-model'];
  const dying =
    (deaths: { left: number; after: 'checkpoint' | 'start' }): Task =>
    async (request, context) => {
      if (deaths.left > 0 && deaths.after === 'start') {
        deaths.left--;
        throw died();
      }
      return languageModelTasks['language-model'](
        { ...request, checkpointMs: 0 },
        {
          ...context,
          ask: async <T>(what: string, question: unknown): Promise<T> => {
            const answer = await context.ask<T>(what, question);
            if (what === 'checkpoint' && deaths.left > 0) {
              deaths.left--;
              throw died();
            }
            return answer;
          },
        },
      );
    };

  it('goes on from its last checkpoint as often as it comes further, with the same result', async () => {
    const training = { steps: 12 };
    const whole = await makeProject({ parts, training });
    await whole.run();
    const deaths = { left: 4, after: 'checkpoint' as const };
    const tasks = { 'language-model': dying(deaths) as never };
    const project = await makeProject({ parts, training }, { tasks });
    expect(await states(project)).toEqual(['done']);
    expect(deaths.left).toBeLessThan(4);
    expect(await digestsOf(project)).toEqual(await digestsOf(whole));
  });

  it('fails the model after two deaths without progress; the next run tries again', async () => {
    const deaths = { left: 2, after: 'start' as const };
    const tasks = { 'language-model': dying(deaths) as never };
    const project = await makeProject({ parts }, { tasks });
    const found = await summarise(project.store, project.training, await project.run());
    expect(found[0]?.entry.state).toBe('failed');
    expect(found[0]?.entry.error?.message).toContain('The compute child died 2 times');
    expect(await states(project)).toEqual(['done']);
  });
});

describe('the records of a training', () => {
  it('keep what it needs from garbage collection until it is forgotten', async () => {
    const project = await makeProject({ parts });
    await project.run();
    const { store } = project;
    const late = Date.now() + 48 * 3600_000;
    const first = await planGarbage(store, { nowMs: late });
    expect(first.keys.filter((key) => !key.startsWith('checkpoints/'))).toEqual([]);
    const datasets = (await listDatasets(store, 't')).map(({ dataset }) => dataset);
    expect(datasets).toEqual([
      ...['t/corpus', 't/documents', 't/models/m', 't/stream-calib', 't/stream-fit'],
      ...['t/stream-test', 't/tokens'],
    ]);
    await removeRun(store, 't');
    const second = await planGarbage(store, { nowMs: late });
    expect(second.keys.some((key) => key.startsWith('commits/language-model/'))).toBe(true);
  });

  it('make a new revision where the file asks for something else, and none where it does not', async () => {
    const store = createMemoryStore();
    const first = await makeProject({ parts }, { store });
    expect(first.training.revision).toBe(1);
    const settle = async (project: Project): Promise<number> =>
      (await settleRevision(store, project.training)).training.revision;
    expect(await settle(first)).toBe(1);
    const other = await makeProject({ parts, training: { steps: 4 } }, { store });
    expect(other.training.revision).toBe(2);
  });

  it('are no run: resuming one says what to do', async () => {
    const { store } = await makeProject({ parts });
    await expect(readResolvedRun(store, { name: 't', revision: 1 })).rejects.toThrow(
      'Expected a run, found that "t" is a training of language models; `assay model train` with its training file goes on with it.',
    );
  });

  it('stand under a name that no run has', async () => {
    const { store, training } = await makeProject({ parts });
    await store.put('runs/taken/1/config.json', Buffer.from('{}'));
    await expect(settleRevision(store, { ...training, name: 'taken' })).rejects.toThrow(
      'Expected a name of its own for the training, found that "taken" is a run',
    );
  });
});

describe('what is trained on', () => {
  it('must have documents in its splits', async () => {
    const project = await makeProject({ parts: [documents.filter((d) => d.split === 'test')] });
    await expect(project.run()).rejects.toThrow(
      'Model "m": expected documents in the splits fit to train on, found none; correct corpus.split or training.splits.',
    );
  });

  it('can be the tokens of a run', async () => {
    const store = createMemoryStore();
    const folder = temporaryFolderOfTest('training-run');
    const file = parseTrainingFile(
      JSON.stringify({ name: 't', tokens: 'small', model: small('m'), training: { steps: 2 } }),
      't.yaml',
    );
    const options = { folder, store, revision: 1 };
    await expect(resolveTraining(file, options)).rejects.toThrow(
      'Expected the complete tokens of run "small" in memory:',
    );
    const run = await submitRun(store, await writeRun(path.join(folder, 'run')));
    await runStages(store, run, { folder, until: 'tokens' });
    const { training, uploads } = await resolveTraining(file, options);
    expect([training.corpus, uploads]).toEqual([null, []]);
    await storeTraining(store, training, uploads);
    const project = inProcess({ folder, store, training });
    expect(await states(project)).toEqual(['done']);
    expect(project.called).toEqual(['stream', 'stream', 'stream', 'language-model']);
  });

  it('needs files that are there', async () => {
    const text = {
      name: 't',
      tokenizer: 'none.json',
      corpus: { sources: ['x'] },
      model: small('m'),
      training: { steps: 1 },
    };
    const file = parseTrainingFile(JSON.stringify(text), 't.yaml');
    const options = { folder: '/nowhere', store: createMemoryStore(), revision: 1 };
    await expect(resolveTraining(file, options)).rejects.toThrow(InputError);
    await expect(resolveTraining(file, options)).rejects.toThrow('Cannot read the tokenizer "/nowhere/none.json"');
    const prepend = { ...text, tokenizer: TOKENIZER, training: { steps: 1, prepend: '<nope>' } };
    const project = await makeProject({ parts });
    const again = { ...prepend, corpus: { sources: ['part-0.jsonl'], split: { field: 'split' } } };
    await expect(
      resolveTraining(parseTrainingFile(JSON.stringify(again), 't.yaml'), {
        ...options,
        folder: project.folder,
      }),
    ).rejects.toThrow('training.prepend: expected a token of the tokenizer, found "<nope>"');
  });
});

describe('a finished model', () => {
  it('is written as files that inspect and run accept', async () => {
    const models = [small('gpt'), small('llama', { architecture: 'llama', heads: 4, keyValueHeads: 2, width: 16 })];
    const project = await makeProject({ parts, models });
    const units = await project.run();
    const { store, training, folder } = project;
    const summaries = await summarise(store, training, units);
    const out = path.join(folder, 'out');
    const written = await writeModels(store, training, { summaries, out });
    expect(written).toEqual([path.join(out, 'gpt'), path.join(out, 'llama')]);
    for (const place of written) {
      const { summary } = await openModel(path.join(place, 'model.onnx'));
      expect(summary.sites.map(({ name }) => name)).toContain('blocks.0.hook_resid_post');
      const values = await runModel(path.join(place, 'model.onnx'), parseIds('[[0, 5, 9]]'), {
        ...{ hooks: ['blocks.0.hook_resid_post'], logits: true },
        engine: { provider: 'cpu', threads: 1, optimisation: 'all' },
      });
      expect(values.get('logits')?.dims).toEqual([1, 3, 4096]);
    }
    const entry = summaries[0]?.entry;
    expect(entry?.digest).toBe(datasetDigest(summaries[0]?.commit?.objects ?? []));
  });
});
