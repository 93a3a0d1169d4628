// Folders of config.json and safetensors: which file is the model, what its identity covers and how weights are stored. Values are compared with PyTorch's in tests/golden/folders.
import {
  closeSync,
  cpSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeModel } from '../../../core/onnx/codec.js';
import { externalReferences } from '../../../core/onnx/external-data.js';
import { decodeSafetensors, safeTensor, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { writeFolderModel } from '../../../models/folder/folder-model.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { EXPORTS, FOLDERS } from '../../harness/fixtures.js';
import { makeCopies, refusal } from './folder-copies.js';

const { place, copy, withTensors, withConfig } = makeCopies();

describe('which file is the model', () => {
  it('an ONNX file in the folder is taken before safetensors', async () => {
    const folder = copy('gpt2');
    expect((await openModel(folder)).summary).toMatchObject({ family: 'GPT-2', width: 32, layers: 3 });
    cpSync(path.join(EXPORTS, 'llama.dynamo.onnx'), path.join(folder, 'model.onnx'));
    expect((await openModel(folder)).summary).toMatchObject({ family: null, width: 64, layers: 2 });
    mkdirSync(path.join(folder, 'onnx'));
    renameSync(path.join(folder, 'model.onnx'), path.join(folder, 'onnx/model.onnx'));
    expect((await openModel(folder)).path).toBe(path.join(folder, 'onnx/model.onnx'));
  });

  it('a folder with neither is refused with what was looked for', async () => {
    const folder = path.join(place, 'empty');
    mkdirSync(folder);
    expect(await refusal(folder)).toContain('Expected model.onnx or onnx/model.onnx in the folder');
    expect(await refusal(folder)).toContain('or config.json with safetensors, found neither');
  });

  it('weights in another form are refused with how to make safetensors', async () => {
    const folder = copy('gpt2');
    renameSync(path.join(folder, 'model.safetensors'), path.join(folder, 'pytorch_model.bin'));
    expect(await refusal(folder)).toContain('beside config.json in');
    expect(await refusal(folder)).toContain(
      'found pytorch_model.bin. Load the model with transformers and save it with save_pretrained, which writes safetensors.',
    );
    renameSync(path.join(folder, 'pytorch_model.bin'), path.join(folder, 'adapter_model.safetensors'));
    expect(await refusal(folder)).toContain('merge it into its model (merge_and_unload)');
  });

  it('an adapter beside the weights is not passed over, nor one alone', async () => {
    const folder = copy('llama');
    writeFileSync(path.join(folder, 'adapter_config.json'), '{}');
    const message = `Expected the weights of one whole model in "${folder}", found adapter_config.json: transformers attaches that adapter to the model, and it is not read here. Merge it into its model (merge_and_unload) and save that with save_pretrained; or remove adapter_config.json where the model without it is meant.`;
    expect(await refusal(folder)).toBe(message);
    unlinkSync(path.join(folder, 'config.json'));
    expect(await refusal(folder)).toBe(message);
  });
});

describe('identity', () => {
  it('covers graph and weights, not the place, and the weights stay whole files of the folder', async () => {
    const [one, two] = [await openModel(copy('llama')), await openModel(copy('llama'))];
    expect(one.path).not.toBe(two.path);
    expect(one.summary.digest).toBe(two.summary.digest);
    const [graph, ...weights] = one.summary.files;
    expect(graph).toMatchObject({ location: 'model.onnx', path: one.path, bytes: one.bytes.length });
    expect(weights.map(({ location }) => location)).toEqual(
      Array.from({ length: 3 }, (_, i) => `model-0000${i + 1}-of-00003.safetensors`),
    );
    const other = copy('llama');
    const file = path.join(other, 'model-00002-of-00003.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
    expect((await openModel(other)).summary.digest).not.toBe(one.summary.digest);
    expect((await openModel(withConfig('llama', { rms_norm_eps: 1e-5 }))).summary.digest).not.toBe(one.summary.digest);
    // What has no effect has none on the identity either.
    expect((await openModel(withConfig('llama', { use_cache: true }))).summary.digest).toBe(one.summary.digest);
  });

  it.each(['gpt2', 'llama', 'gemma3', 'llama-bf16'])(
    '%s: the graph holds no weights, only references to all of them',
    async (name) => {
      const { onnx, weights } = await writeFolderModel(path.join(FOLDERS, name));
      const references = externalReferences(decodeModel(onnx));
      const stored = weights.flatMap(({ path: file }) => [...decodeSafetensors(readFileSync(file)).keys()]);
      expect(references.map(({ tensor }) => tensor).sort()).toEqual(stored.sort());
      for (const { tensor, location, offset, length } of references) {
        const file = readFileSync(weights.find((one) => one.location === location)?.path ?? '');
        const bytes = decodeSafetensors(file).get(tensor)?.bytes;
        expect(Buffer.compare(file.subarray(offset, offset + (length ?? 0)), bytes ?? Buffer.alloc(0)), tensor).toBe(0);
      }
      expect(onnx.length).toBeLessThan(60_000);
    },
  );

  it("follows the links of Hugging Face's cache", async () => {
    const folder = copy('gpt2');
    mkdirSync(path.join(place, 'blobs'), { recursive: true });
    for (const file of ['model.safetensors', 'config.json']) {
      renameSync(path.join(folder, file), path.join(place, 'blobs', file));
      symlinkSync(path.join('../blobs', file), path.join(folder, file));
    }
    const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
    const rows = { ids: Uint32Array.of(5, 6, 7), length: 3 };
    const options = { hooks: ['blocks.2.hook_resid_post'], engine };
    const [linked, plain] = [
      await runModel(folder, rows, options),
      await runModel(path.join(FOLDERS, 'gpt2'), rows, options),
    ];
    expect([...linked.values()][0]?.data).toEqual([...plain.values()][0]?.data);
    expect((await openModel(folder)).summary.digest).toBe((await openModel(path.join(FOLDERS, 'gpt2'))).summary.digest);
  });
});

describe('positions', () => {
  it.each(['gpt2', 'llama'])('%s holds what config.json says, also without a table', async (name) => {
    expect((await openModel(path.join(FOLDERS, name))).summary.maxPositions).toBe(40);
    const rows = { ids: new Uint32Array(41), length: 41 };
    const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
    await expect(runModel(path.join(FOLDERS, name), rows, { hooks: ['hook_embed'], engine })).rejects.toThrow(
      'Expected rows of at most 40 ids',
    );
  });
});

describe('names of tensors', () => {
  it('may be those of the class without logits, as the first GPT-2 files have them, beside its old masks', async () => {
    const bare = withTensors('gpt2', (tensors) => {
      for (const [name, tensor] of [...tensors]) {
        tensors.delete(name);
        tensors.set(name.replace('transformer.', ''), tensor);
      }
      tensors.set('h.0.attn.bias', safeTensor(new Float32Array(40 * 40), [1, 1, 40, 40]));
      tensors.set('h.1.attn.masked_bias', safeTensor(Float32Array.of(-1e4), []));
    });
    const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
    const rows = { ids: Uint32Array.of(9, 8, 7, 6), length: 4 };
    const [one, two] = [
      await runModel(bare, rows, { hooks: [], logits: true, engine }),
      await runModel(path.join(FOLDERS, 'gpt2'), rows, { hooks: [], logits: true, engine }),
    ];
    expect(one.get('logits')?.data).toEqual(two.get('logits')?.data);
  });

  it('a tied unembedding may be stored too, where it is a copy', async () => {
    const embedding = 'transformer.wte.weight';
    const same = withTensors('gpt2', (tensors) => tensors.set('lm_head.weight', tensors.get(embedding) as SafeTensor));
    expect((await openModel(same)).summary.vocab).toBe(300);
    const other = withTensors('gpt2', (tensors) => {
      const bytes = Uint8Array.from((tensors.get(embedding) as SafeTensor).bytes);
      bytes[77] = (bytes[77] ?? 0) ^ 1;
      tensors.set('lm_head.weight', { dtype: 'F32', shape: [300, 32], bytes });
    });
    expect(await refusal(other)).toContain(
      `tie_word_embeddings says that the embedding is the unembedding, but "${embedding}" and "lm_head.weight" differ. Set it to false in config.json`,
    );
  });
});

it('weights of 4 GB are referred to without reading them', async () => {
  // Nearly all of the file is a hole. Reading it would take its size in memory.
  const folder = path.join(place, 'large');
  mkdirSync(folder);
  const [width, vocabulary] = [1024, 1_000_000];
  const config = {
    ...{ model_type: 'llama', hidden_size: width, intermediate_size: 64, num_attention_heads: 8, num_hidden_layers: 1 },
    ...{ vocab_size: vocabulary, max_position_embeddings: 128, rms_norm_eps: 1e-5, tie_word_embeddings: true },
  };
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  const square = [width, width];
  const shapes: Record<string, readonly number[]> = {
    'model.embed_tokens.weight': [vocabulary, width],
    'model.norm.weight': [width],
    'model.layers.0.input_layernorm.weight': [width],
    'model.layers.0.post_attention_layernorm.weight': [width],
    ...Object.fromEntries(['q', 'k', 'v', 'o'].map((one) => [`model.layers.0.self_attn.${one}_proj.weight`, square])),
    'model.layers.0.mlp.gate_proj.weight': [64, width],
    'model.layers.0.mlp.up_proj.weight': [64, width],
    'model.layers.0.mlp.down_proj.weight': [width, 64],
  };
  let at = 0;
  const header = Object.entries(shapes).map(([name, shape]) => {
    const from = at;
    at += 4 * shape.reduce((a, b) => a * b, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [from, at] }] as const;
  });
  const lead = headedLength(JSON.stringify(Object.fromEntries(header)));
  const file = openSync(path.join(folder, 'model.safetensors'), 'w');
  writeSync(file, lead);
  ftruncateSync(file, lead.length + at);
  closeSync(file);
  const before = process.memoryUsage();
  const { weights, onnx } = await writeFolderModel(folder);
  expect(at).toBeGreaterThan(4e9);
  expect(externalReferences(decodeModel(onnx)).reduce((sum, { length }) => sum + (length ?? 0), 0)).toBe(at);
  expect(weights).toHaveLength(1);
  const grown = process.memoryUsage().rss - before.rss;
  expect(grown).toBeLessThan(200e6);
});

function headedLength(text: string): Buffer {
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([lead, Buffer.from(padded)]);
}
