// Opening and running a model file: its summary and digest, weights beside it, and a refusal in words for each file or
// input that cannot be used.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../core/identity/digest.js';
import { decodeModel, encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import type { ModelProto, TensorProto } from '../../../core/onnx/proto.js';
import { asFloat32, asIntegers, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { InputError } from '../../../schemas/errors.js';
import { openModel } from '../../../models/open-model.js';
import { probeModel } from '../../../models/probe-model.js';
import { computeModelRun, parseIds, runModel, writeModelRun } from '../../../models/run-model.js';
import { EXPORTS, TINY_LM } from '../../harness/fixtures.js';
import { tinyTransformer } from '../core/onnx/fixture-models.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const GPT2 = `${EXPORTS}/gpt2.dynamo.onnx`;
const folder = temporaryFolder('model');

function save(name: string, model: ModelProto): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, joinChunks(encodeModel(model)));
  return file;
}

/** The gpt2 export with every large weight moved to `weights`, which the file calls `location`. */
function withExternal(name: string, location: string, weights: string | null = location): string {
  const model = decodeModel(readFileSync(GPT2));
  const chunks: Uint8Array[] = [];
  let offset = 0;
  const initializer = graphOf(model).initializer.map((tensor): TensorProto => {
    const { rawData, ...rest } = tensor;
    if (rawData === undefined || rawData.length < 1000) return tensor;
    chunks.push(rawData);
    offset += rawData.length;
    const entries = {
      location,
      offset: String(offset - rawData.length),
      length: String(rawData.length),
    };
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
    return { ...rest, dataLocation: 1, externalData };
  });
  const file = save(name, { ...model, graph: { ...graphOf(model), initializer } });
  if (weights !== null) {
    const at = path.join(path.dirname(file), weights);
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, Buffer.concat(chunks));
  }
  return file;
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as Error).message;
}

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('opening a model', () => {
  it('tells layers, width, vocabulary, positions, inputs, versions and digest', async () => {
    const { summary } = await openModel(`${TINY_LM}/model.legacy.onnx`);
    const bytes = readFileSync(`${TINY_LM}/model.legacy.onnx`);
    expect(summary).toMatchObject({
      digest: sha(bytes),
      layers: 4,
      width: 128,
      vocab: 4096,
      maxPositions: 128,
      norm: 'pre',
      inputs: [
        { name: 'input_ids', dtype: 'int64', role: 'tokens' },
        { name: 'attention_mask', dtype: 'int64', role: 'mask' },
      ],
      outputs: ['logits'],
      opset: 17,
      ir: 8,
    });
    expect(summary.producer).toMatch(/^pytorch \d/);
    expect(summary.files).toEqual([
      {
        location: 'model.legacy.onnx',
        path: `${TINY_LM}/model.legacy.onnx`,
        bytes: bytes.length,
        sha256: sha(bytes),
      },
    ]);
  });

  it.each(['model.onnx', 'onnx/model.onnx'])('finds %s in a folder', async (place) => {
    const home = path.join(folder, `hf-${path.dirname(place)}`);
    mkdirSync(path.dirname(path.join(home, place)), { recursive: true });
    copyFileSync(GPT2, path.join(home, place));
    expect((await openModel(home)).path).toBe(path.join(home, place));
  });

  it('counts external weights into the digest and runs with them', async () => {
    const file = withExternal('ext/model.onnx', 'data/weights.bin');
    const { summary } = await openModel(file);
    const weights = path.join(folder, 'ext/data/weights.bin');
    expect(summary.files.map((f) => f.location)).toEqual(['model.onnx', 'data/weights.bin']);
    expect(summary.files[1]?.path).toBe(weights);
    const expected = { onnx: sha(readFileSync(file)), external: [['data/weights.bin', sha(readFileSync(weights))]] };
    expect(summary.digest).toBe(digestOf(expected));
    const ids = { ids: Uint32Array.from([5, 6, 7]), length: 3 };
    const hooks = ['blocks.1.hook_resid_post'];
    const outside = await runModel(file, ids, { hooks, engine: ENGINE });
    const inside = await runModel(GPT2, ids, { hooks, engine: ENGINE });
    expect(outside).toEqual(inside);
  });
});

describe('a model that cannot be used', () => {
  it('is refused where there is no such file, with the nearest name', async () => {
    expect(await refusal(openModel(`${TINY_LM}/modle.onnx`))).toContain('Did you mean model.onnx');
    expect(await refusal(openModel(path.join(folder, 'none/at/all.onnx')))).toContain('No such file');
    mkdirSync(path.join(folder, 'empty'), { recursive: true });
    expect(await refusal(openModel(path.join(folder, 'empty')))).toContain(
      'Expected model.onnx or onnx/model.onnx in the folder',
    );
  });

  it('is refused where it is not ONNX or cut short, with the file', async () => {
    const text = path.join(folder, 'text.onnx');
    writeFileSync(text, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n');
    expect(await refusal(openModel(text))).toContain(`${text}: Not a whole ONNX model`);
    const half = path.join(folder, 'half.onnx');
    writeFileSync(half, readFileSync(GPT2).subarray(0, 300_000));
    expect(await refusal(openModel(half))).toMatch(/half\.onnx: Not a whole ONNX model: found .* of 300000/);
  });

  it.each([
    [27, 'found opset 27'],
    [6, 'found opset 6'],
  ])('is refused with opset %i', async (opset, found) => {
    const message = await refusal(openModel(save(`opset${opset}.onnx`, tinyTransformer({ opset }))));
    expect(message).toContain('Expected ONNX opset 7 to 26 and IR version up to 13');
    expect(message).toContain(found);
  });

  it('is refused with an IR version that is too new', async () => {
    const file = save('ir.onnx', { ...tinyTransformer(), irVersion: 14 });
    expect(await refusal(openModel(file))).toContain('IR version 14');
  });

  it('is refused where it needs an input that nobody can fill, by name', async () => {
    const file = save('input.onnx', tinyTransformer({ extraInput: 'past_key_values.0.key' }));
    expect(await refusal(openModel(file))).toContain('found also past_key_values.0.key (float32)');
  });

  it.each([
    ['above the folder', '../weights.bin'],
    ['at an absolute path', '/etc/hostname'],
    ['at an absolute Windows path', 'C:\\weights.bin'],
    ['above the folder by a detour', 'a/../../weights.bin'],
    ['above the folder with Windows separators', '..\\weights.bin'],
  ])('is refused with weights %s', async (_, location) => {
    const message = await refusal(openModel(withExternal('out/model.onnx', location, null)));
    expect(message).toContain(`found "${location}" outside it`);
    expect(message).toContain('Expected external weights inside the folder of');
  });

  it('is refused with weights behind a symbolic link that leads outside', async () => {
    const file = withExternal('link/model.onnx', 'weights.bin', null);
    const target = path.join(folder, 'elsewhere.bin');
    writeFileSync(target, Buffer.alloc(10_000_000));
    symlinkSync(target, path.join(folder, 'link/weights.bin'));
    expect(await refusal(openModel(file))).toContain('(a symbolic link leads there)');
  });

  it('is refused with weights that are missing or cut short', async () => {
    const missing = withExternal('missing/model.onnx', 'weights.bin', null);
    expect(await refusal(openModel(missing))).toContain(`(external weights of "${missing}")`);
    const short = withExternal('short/model.onnx', 'weights.bin');
    writeFileSync(path.join(folder, 'short/weights.bin'), 'few');
    expect(await refusal(openModel(short))).toMatch(/Expected at least \d+ bytes of weights in ".*", found 3/);
  });

  it('is refused by the probe where an operator is unknown or a context does not fit', async () => {
    const options = { sites: ['blocks.*.hook_resid_post'], contextTokens: 8, engine: ENGINE };
    const model = tinyTransformer({ positions: { rows: 6, offset: 0 } });
    const tooShort = await openModel(save('short-table.onnx', model));
    expect(tooShort.summary.maxPositions).toBe(6);
    expect(await refusal(probeModel(tooShort, options))).toMatch(
      /short-table\.onnx: a context of 8 tokens fails: Expected a forward pass over input_ids int64 \[1, 8\]/,
    );
    await probeModel(tooShort, { ...options, contextTokens: 6 });
    const graph = graphOf(model);
    const node = graph.node.map((n) => (n.opType === 'Relu' ? { ...n, opType: 'NoSuchOp' } : n));
    const unknown = await openModel(save('op.onnx', { ...model, graph: { ...graph, node } }));
    expect(await refusal(probeModel(unknown, options))).toContain('NoSuchOp');
  });
});

describe('running a model', () => {
  const ids = { ids: Uint32Array.from([1, 2, 3, 4]), length: 2 };

  it('writes the named sites and the logits beside the ids', async () => {
    const file = path.join(folder, 'run.safetensors');
    const options = {
      hooks: ['blocks.1.hook_resid_post', 'hook_embed'],
      logits: true,
      engine: ENGINE,
    };
    await writeModelRun(file, ids, await computeModelRun(GPT2, ids, options));
    const tensors = decodeSafetensors(readFileSync(file));
    const shapes = [...tensors].map(([name, { shape }]) => [name, ...shape]);
    expect(shapes).toEqual([
      ['input_ids', 2, 2],
      ['hook_embed', 2, 2, 64],
      ['blocks.1.hook_resid_post', 2, 2, 64],
      ['logits', 2, 2, 100],
    ]);
    expect(asIntegers(tensors.get('input_ids') as never)).toEqual([1, 2, 3, 4]);
    expect(asFloat32(tensors.get('logits') as never).every(Number.isFinite)).toBe(true);
  });

  it.each([
    [
      ['blocks.2.hook_resid_post'],
      'Unknown site "blocks.2.hook_resid_post": the model has 2 blocks (0 to 1); nearest: blocks.',
    ],
    [['blocks.*.attn.hook_rot_q'], 'the model has 2 blocks (0 to 1); nearest: blocks.*.attn.hook_q, '],
    [['zzzzzzzz'], 'known: hook_embed, hook_pos_embed, blocks.*.hook_resid_pre'],
  ])('refuses the unknown site %s', async (hooks, message) => {
    expect(await refusal(runModel(GPT2, ids, { hooks, engine: ENGINE }))).toContain(message);
  });

  it('refuses ids outside the vocabulary and rows beyond the position table', async () => {
    const options = { hooks: ['hook_embed'], engine: ENGINE };
    const bad = { ids: Uint32Array.from([1, 100]), length: 2 };
    expect(await refusal(runModel(GPT2, bad, options))).toContain(
      "Expected token ids below 100 (the rows of the model's embedding), found 100 at place 1.",
    );
    const long = { ids: new Uint32Array(65), length: 65 };
    expect(await refusal(runModel(GPT2, long, options))).toContain('Expected rows of at most 64 ids');
  });

  it('reads rows of ids from JSON, one row also without its brackets', () => {
    expect(parseIds('[[1, 2], [3, 4]]')).toEqual({ ids: Uint32Array.of(1, 2, 3, 4), length: 2 });
    expect(parseIds('[7, 8, 9]')).toEqual({ ids: Uint32Array.of(7, 8, 9), length: 3 });
  });

  it.each([
    ['[[1, 2], [3]]', 'row 1 of 1 ids where row 0 has 2'],
    ['[[1, -2]]', '-2 at row 0, position 1'],
    ['[[1, 2.5]]', '2.5 at row 0, position 1'],
    ['[[1, "2"]]', '"2" at row 0, position 1'],
    ['[]', 'an empty first row'],
    ['{}', 'no list of rows'],
    ['[[1', 'found'],
  ])('refuses %s as ids', (text, found) => {
    expect(() => parseIds(text)).toThrow(InputError);
    expect(() => parseIds(text)).toThrow(found);
    expect(() => parseIds(text)).toThrow('Expected token ids as a JSON list of equally long lists');
  });

  it('refuses lists in lists without end as ids', () => {
    const text = `[[1, ${'['.repeat(20_000)}${']'.repeat(20_000)}]]`;
    expect(() => parseIds(text)).toThrow('no number at row 0, position 1');
  });
});
