// Folders whose files and configuration do not fit each other: each is refused with what was expected, what was found and what to do.
import { readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { safeTensor } from '../../../core/tensor/safetensors.js';
import { tokenizerAdvice } from '../../../models/folder/tokenizer-file.js';
import { makeCopies, refusal } from './folder-copies.js';

const { copy, withTensors, withConfig } = makeCopies();

describe('refusals', () => {
  const mlp = 'transformer.h.1.mlp.c_fc.weight';
  it.each<[string, () => string, string]>([
    [
      'a missing tensor',
      () => withTensors('gpt2', (t) => t.delete(mlp)),
      `Expected the tensors of GPT-2, found no "${mlp}". Take config.json and all weights from one model`,
    ],
    [
      'many missing tensors',
      () => withConfig('gpt2', { n_layer: 4 }),
      '"transformer.h.3.ln_1.weight", "transformer.h.3.ln_1.bias", "transformer.h.3.ln_2.weight" and 9 more',
    ],
    [
      'a missing unembedding',
      () => withConfig('gpt2', { tie_word_embeddings: false }),
      'found no "lm_head.weight". Set tie_word_embeddings to true in config.json where the embedding is the unembedding too',
    ],
    [
      'a tensor without a place',
      () => withTensors('gpt2', (t) => t.set('transformer.h.0.attn.scale', safeTensor(Float32Array.of(1), [1]))),
      'found also "transformer.h.0.attn.scale", which config.json gives no place',
    ],
    ['a layer too many', () => withConfig('gpt2', { n_layer: 2 }), 'found also "transformer.h.2.'],
    [
      'biases that config.json does not say',
      () => withConfig('llama-variant', { mlp_bias: false }),
      'found also "model.layers.0.mlp.down_proj.bias"',
    ],
    [
      'another shape',
      () => withConfig('gpt2', { n_inner: 100 }),
      `Expected tensor "transformer.h.0.mlp.c_fc.weight" with the shape [32, 100], as config.json tells, found [32, 128] in model.safetensors`,
    ],
    [
      'quantised weights',
      () => withTensors('gpt2', (t) => t.set(mlp, { dtype: 'I8', shape: [32, 128], bytes: new Uint8Array(32 * 128) })),
      `Expected weights of the types F32, BF16, F16, F64, found I8 in tensor "${mlp}" (model.safetensors)`,
    ],
    ['weights that cannot be mapped', oddOffset, 'Expected tensor "transformer.wte.weight" at a multiple of 4 bytes'],
    ['an unknown setting', () => withConfig('gpt2', { rope: 1 }), 'config.json: Expected known fields, found rope = 1'],
  ])('%s', async (_, make, message) => {
    expect(await refusal(make())).toContain(message);
  });

  /** The same data one byte later in the file. */
  function oddOffset(): string {
    const folder = copy('gpt2');
    const file = path.join(folder, 'model.safetensors');
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE());
    const lead = Buffer.alloc(8);
    lead.writeBigUInt64LE(BigInt(length + 1));
    writeFileSync(
      file,
      Buffer.concat([lead, bytes.subarray(8, 8 + length), Buffer.from(' '), bytes.subarray(8 + length)]),
    );
    return folder;
  }

  it.each<[string, (file: string) => void, string]>([
    [
      'cut short',
      (file) => truncateSync(file, 60_000),
      'the file at 60000: it is cut short. Copy or download it again.',
    ],
    ['cut in its header', (file) => truncateSync(file, 500), 'does not fit a file of 500 bytes'],
    ['empty', (file) => truncateSync(file, 0), ': it is empty. Copy or download it again.'],
    ['shorter than a length', (file) => truncateSync(file, 3), ': its 3 bytes are too few for a header. Copy or'],
    [
      'of tensors that overlap',
      (file) => writeFileSync(file, Buffer.concat([headed({ a: bytesAt(0, 3), b: bytesAt(2, 4) }), Buffer.alloc(4)])),
      'tensors "a" [0, 3) and "b" [2, 4) overlap. Copy or download it again.',
    ],
    [
      'of data that no tensor has',
      (file) => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(5)])),
      ', belong to no tensor. Copy or download it again.',
    ],
    [
      'of a type that is none',
      (file) => writeFileSync(file, headed({ a: { dtype: 'toString', shape: [0], data_offsets: [0, 0] } })),
      'tensor "a" has no valid dtype',
    ],
    [
      'a pointer of git-lfs',
      (file) => writeFileSync(file, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
      'this is the pointer of git-lfs, not the weights (`git lfs pull` fetches them)',
    ],
    [
      'no JSON in its header',
      (file) => writeFileSync(file, Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 65, 66, 67, 68])),
      'its header is not JSON',
    ],
    [
      'a range of another size',
      (file) => writeFileSync(file, headed({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } })),
      'tensor "a" F32 [2] needs 8 bytes, its range holds 4',
    ],
    [
      'a negative place',
      (file) => writeFileSync(file, headed({ a: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } })),
      'tensor "a" has no valid dtype, shape and data_offsets',
    ],
    ['an entry that is none', (file) => writeFileSync(file, headed({ a: null })), 'tensor "a" has no valid dtype'],
  ])('a safetensors file that is %s', async (_, damage, message) => {
    const folder = copy('gpt2');
    damage(path.join(folder, 'model.safetensors'));
    expect(await refusal(folder)).toContain(message);
  });

  function bytesAt(from: number, to: number): object {
    return { dtype: 'U8', shape: [to - from], data_offsets: [from, to] };
  }

  function headed(header: object): Buffer {
    const text = Buffer.from(JSON.stringify(header));
    const lead = Buffer.alloc(8);
    lead.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([lead, text]);
  }

  const INDEX = 'model.safetensors.index.json';
  const SHARD = 'model-00002-of-00003.safetensors';
  it.each<[string, (folder: string) => void, string]>([
    ['a file that is missing', (folder) => unlinkSync(path.join(folder, SHARD)), `Expected "${SHARD}" in`],
    [
      'a path out of the folder',
      (folder) => point(folder, 'lm_head.weight', '../secret.safetensors'),
      'tensor "lm_head.weight" in "../secret.safetensors"',
    ],
    [
      'a tensor elsewhere',
      (folder) => point(folder, 'lm_head.weight', SHARD),
      `Expected index and files to agree, but model-00003-of-00003.safetensors has tensor "lm_head.weight", which ${INDEX} places in ${SHARD}. Take`,
    ],
    [
      'a tensor that its file lacks',
      (folder) => point(folder, 'ghost', SHARD),
      `Expected index and files to agree, but ${INDEX} places tensor "ghost" in ${SHARD}, which has no such tensor. Take all files from one model.`,
    ],
    [
      'no word of a tensor',
      (folder) => point(folder, 'lm_head.weight', null),
      `but model-00003-of-00003.safetensors has tensor "lm_head.weight", which ${INDEX} does not name`,
    ],
    [
      'no JSON',
      (folder) => writeFileSync(path.join(folder, INDEX), '{'),
      'to name a safetensors file of this folder for every tensor (weight_map)',
    ],
    ['no map', (folder) => writeFileSync(path.join(folder, INDEX), '{}'), 'found no weight_map'],
  ])('an index with %s', async (_, damage, message) => {
    const folder = copy('llama');
    damage(folder);
    expect(await refusal(folder)).toContain(message);
  });

  function point(folder: string, tensor: string, file: string | null): void {
    const at = path.join(folder, INDEX);
    const { weight_map: map } = JSON.parse(readFileSync(at, 'utf8')) as { weight_map: Record<string, string> };
    const rest = Object.entries(map).filter(([name]) => name !== tensor);
    const changed = file === null ? rest : [...rest, [tensor, file]];
    writeFileSync(at, JSON.stringify({ weight_map: Object.fromEntries(changed) as object }));
  }

  it('a missing tokenizer.json is answered with how to make it of what is there', async () => {
    const folder = copy('neox');
    const file = path.join(folder, 'tokenizer.json');
    expect(await tokenizerAdvice(file)).toBe(null);
    writeFileSync(path.join(folder, 'vocab.json'), '{}');
    writeFileSync(path.join(folder, 'merges.txt'), '');
    expect(await tokenizerAdvice(file)).toContain(
      'Its folder has vocab.json and merges.txt instead; make tokenizer.json of it once, with transformers: AutoTokenizer.from_pretrained',
    );
    writeFileSync(file, '{}');
    expect(await tokenizerAdvice(file)).toBe(null);
  });
});
