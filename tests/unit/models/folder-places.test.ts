// What lies where a file of a model's folder should: links that lead nowhere, folders, and files that are given in place of their
// folder are called what they are.
import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { safeTensor, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { inputRole } from '../../../models/feeds.js';
import { makeCopies, refusal } from './folder-copies.js';

const { copy, withTensors } = makeCopies();

describe.each([
  ['gpt2', 'model.safetensors'],
  ['gpt2', 'config.json'],
  ['llama', 'model.safetensors.index.json'],
  ['llama', 'model-00002-of-00003.safetensors'],
])('%s: in place of %s', (name, file) => {
  it('a link that leads nowhere is called so, with its target', async () => {
    const folder = copy(name);
    unlinkSync(path.join(folder, file));
    symlinkSync('../../blobs/0123', path.join(folder, file));
    expect(await refusal(folder)).toBe(
      `Expected a file at "${path.join(folder, file)}", found a link to "../../blobs/0123", where no file can be reached. Download the file again, or copy it instead of linking it.`,
    );
  });

  it('a folder is called so', async () => {
    const folder = copy(name);
    unlinkSync(path.join(folder, file));
    mkdirSync(path.join(folder, file));
    expect(await refusal(folder)).toBe(
      `Expected a file at "${path.join(folder, file)}", found a folder. Put the file in its place.`,
    );
  });
});

it.each(['model.safetensors', 'config.json', 'model.safetensors.index.json'])(
  '%s given as the model: the folder is asked for',
  async (file) => {
    const folder = copy('gpt2');
    writeFileSync(path.join(folder, 'model.safetensors.index.json'), '{}');
    const given = path.join(folder, file);
    expect(await refusal(given)).toBe(
      `Expected an .onnx file or a model's folder, found "${given}", one file of such a folder. Give the folder: "${folder}".`,
    );
  },
);

it('a tied unembedding of another type than the embedding is told by both types', async () => {
  const folder = withTensors('gpt2', (tensors) => {
    const { shape } = tensors.get('transformer.wte.weight') as SafeTensor;
    tensors.set('lm_head.weight', safeTensor(new Uint16Array(300 * 32), shape, 'BF16'));
  });
  expect(await refusal(folder)).toContain(
    'tie_word_embeddings says that the embedding is the unembedding, but "transformer.wte.weight" is stored as F32 and "lm_head.weight" as BF16: no copy of it. Set it to false',
  );
});

it('an input called as a property of every object has no role', () => {
  for (const name of ['constructor', 'toString', '__proto__']) expect(inputRole(name, 'int64')).toBe(null);
  expect(inputRole('attention_mask', 'int64')).toBe('mask');
});
