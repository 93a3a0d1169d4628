// A path that a run file or training file misspells is told by its own field, with line and column and the nearest name; what is
// wrong is not blamed on a file that would have lain behind it.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadRunFile } from '../../../../pipeline/files/load.js';
import { loadTrainingFile } from '../../../../pipeline/files/training-file.js';
import { resolveRun, type ResolveOptions } from '../../../../pipeline/resolve/resolve-run.js';
import { resolveTraining } from '../../../../pipeline/resolve/resolve-training.js';
import { LAST_STAGE } from '../../../../schemas/stages.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

async function folderWithModels(): Promise<string> {
  const folder = temporaryFolderOfTest('places');
  await mkdir(join(folder, 'models', 'gpt2'), { recursive: true });
  for (const file of ['model.onnx', 'tokenizer.json', 'corpus.jsonl']) await writeFile(join(folder, file), '');
  return folder;
}

/** What `run` and `plan` say of a run file with these lines. */
async function refusal(folder: string, lines: readonly string[]): Promise<string> {
  const file = join(folder, 'run.yaml');
  const sae = 'saes: [{ name: d, hook: blocks.0.hook_resid_post, features: 8, k: 2, tokens: 4096 }]';
  await writeFile(
    file,
    ['name: r', ...lines, 'activations: { hooks: [blocks.0.hook_resid_post] }', sae, ''].join('\n'),
  );
  const { runFile, locate } = await loadRunFile(file);
  const options: ResolveOptions = {
    ...{ folder, locate, revision: 1, until: LAST_STAGE },
    ...{ limitDocuments: null, hostId: 'h', nowMs: 0 },
  };
  const error = await resolveRun(runFile, options).catch((thrown: unknown) => thrown);
  return (error as Error).message.replaceAll(folder, '');
}

it('model.folder is named, not the tokenizer in it', async () => {
  const folder = await folderWithModels();
  const lines = ['model:', '  folder: models/gpt3', '  contextTokens: 8', 'corpus: { sources: [corpus.jsonl] }'];
  const near = join(folder, 'models/gpt2').replace(folder, '');
  expect(await refusal(folder, lines)).toBe(
    `/run.yaml:3:11  model.folder: expected a folder, found no such folder: /models/gpt3 — nearest: ${near}`,
  );
});

it('every misspelt path is told at once, with the part of it that is not there', async () => {
  const folder = await folderWithModels();
  const text = await refusal(folder, [
    'model: { onnx: modl.onnx, tokenizer: tokeniser.json, contextTokens: 8 }',
    'corpus:',
    '  sources:',
    '    - corpus.jsonl',
    '    - corpsu.jsonl',
    '    - nowhere/at/all.jsonl',
    '    - gone/*.jsonl',
  ]);
  expect(text.split('\n')).toEqual([
    '/run.yaml:2:16  model.onnx: expected a file or folder, found no such file or folder: /modl.onnx — nearest: /model.onnx',
    '/run.yaml:2:38  model.tokenizer: expected a file, found no such file: /tokeniser.json — nearest: /tokenizer.json',
    '/run.yaml:6:7  corpus.sources[1]: expected a file or folder, found no such file or folder: /corpsu.jsonl — nearest: /corpus.jsonl',
    '/run.yaml:7:7  corpus.sources[2]: expected a file or folder, found no such file or folder: /nowhere/at/all.jsonl — correct the path (relative ones start at the folder of this file)',
  ]);
});

it('a folder on the way is corrected and the rest of the path kept', async () => {
  const folder = await folderWithModels();
  const lines = ['model: { folder: modles/gpt2, contextTokens: 8 }', 'corpus: { sources: [corpus.jsonl] }'];
  expect(await refusal(folder, lines)).toContain('no such folder: /modles/gpt2 — nearest: /models/gpt2');
});

it('so are those of a training file', async () => {
  const folder = await folderWithModels();
  const path = join(folder, 'train.yaml');
  await writeFile(
    path,
    [
      'name: t',
      'tokenizer: tokenizr.json',
      'corpus: { sources: [corpus.json] }',
      'model: { name: a, architecture: gpt2, layers: 1, width: 8, heads: 1, contextTokens: 8 }',
      'training: { steps: 1, batch: 1 }',
      '',
    ].join('\n'),
  );
  const { file, locate } = await loadTrainingFile(path);
  const options = { folder, store: createMemoryStore(), revision: 1, locate };
  const error = (await resolveTraining(file, options).catch((thrown: unknown) => thrown)) as Error;
  expect(error.message.replaceAll(folder, '').split('\n')).toEqual([
    '/train.yaml:2:12  tokenizer: expected a file, found no such file: /tokenizr.json — nearest: /tokenizer.json',
    '/train.yaml:3:21  corpus.sources[0]: expected a file or folder, found no such file or folder: /corpus.json — nearest: /corpus.jsonl',
  ]);
});

it('a link that leads nowhere or in a circle is told as one, not as a misspelt name', async () => {
  const folder = await folderWithModels();
  await symlink('gone.jsonl', join(folder, 'linked.jsonl'));
  await symlink('circle', join(folder, 'circle'));
  const text = await refusal(folder, [
    'model: { onnx: circle/model.onnx, tokenizer: tokenizer.json, contextTokens: 8 }',
    'corpus: { sources: [linked.jsonl] }',
  ]);
  expect(text.split('\n')).toEqual([
    '/run.yaml:2:16  model.onnx: expected a file or folder, found the link /circle to circle, which leads in a circle — correct the link, or remove it',
    '/run.yaml:3:21  corpus.sources[0]: expected a file or folder, found the link /linked.jsonl to gone.jsonl, where nothing is — put the target there, or remove the link',
  ]);
});
