// `model vjp`: the file that it writes runs by itself and gives PyTorch's gradients; large weights lie beside it; what it refuses.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { graphOf } from '../../../../core/onnx/cut.js';
import { externalReferences } from '../../../../core/onnx/external-data.js';
import { asFloat32, asIntegers, decodeSafetensors, type SafeTensor } from '../../../../core/tensor/safetensors.js';
import { modelVjpDocument } from '../../../../schemas/documents/models.js';
import { InputError } from '../../../../schemas/errors.js';
import { Session, type TensorValue } from '../../../../runtime/session.js';
import { writeModelFiles } from '../../../../models/write-model.js';
import { runCli } from '../../cli/harness.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { EXPORTS } from '../../../harness/fixtures.js';

const MODEL = join(EXPORTS, 'gpt2.dynamo.onnx');
const BLOCKS = ['blocks.0.hook_resid_post', 'blocks.1.hook_resid_post'];

const folder = temporaryFolder('vjp');
let reference: ReadonlyMap<string, SafeTensor> = new Map();
beforeAll(async () => {
  reference = decodeSafetensors(await readFile(join(EXPORTS, 'gpt2.reference.safetensors')));
});

async function vjp(...argv: string[]): ReturnType<typeof runCli> {
  return runCli(['model', 'vjp', ...argv], { cwd: folder });
}

/** What the written file gives on the fixture's recorded inputs. */
async function runFile(file: string): Promise<Record<string, TensorValue>> {
  const settings = { provider: 'cpu', threads: 1, optimisation: 'all', externalFolder: folder } as const;
  const session = await Session.create(await readFile(file), settings);
  const tensor = (name: string): SafeTensor => reference.get(name) as SafeTensor;
  const integers = (name: string): TensorValue => ({
    dtype: 'int64',
    dims: tensor(name).shape,
    data: BigInt64Array.from(asIntegers(tensor(name)), BigInt),
  });
  const cotangent = tensor('cotangent');
  const feeds: Record<string, TensorValue> = {
    input_ids: integers('input_ids'),
    attention_mask: integers('attention_mask'),
    'cotangent.logits': { dtype: 'float32', dims: cotangent.shape, data: asFloat32(cotangent) },
  };
  const result = await session.run(feeds);
  await session.release();
  return result;
}

function expectPyTorch(result: Record<string, TensorValue>): void {
  for (const site of BLOCKS) {
    const expected = asFloat32(reference.get(`grad.${site}`) as SafeTensor);
    const size = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const got = result[`grad.${site}`]?.data as Float32Array;
    const worst = expected.reduce((most, x, i) => Math.max(most, Math.abs((got[i] as number) - x)), 0);
    expect(worst / size, site).toBeLessThanOrEqual(1e-5);
  }
}

describe('model vjp', () => {
  it("writes a model that gives PyTorch's gradients", async () => {
    const result = await vjp(
      MODEL,
      '--output',
      'logits',
      '--wrt',
      'blocks.*.hook_resid_post',
      '--out',
      'vjp.onnx',
      '--json',
    );
    expect(result, result.err).toMatchObject({ code: 0, err: '' });
    const document = modelVjpDocument.parse(result.json());
    expect(document).toMatchObject({ model: MODEL, file: join(folder, 'vjp.onnx'), data: null });
    expect(document.inputs.map((tensor) => tensor.name).sort()).toEqual([
      'attention_mask',
      'cotangent.logits',
      'input_ids',
    ]);
    expect(document.outputs).toEqual(
      BLOCKS.map((site) => ({ name: `grad.${site}`, dtype: 'float32', shape: ['batch', 'seq', 64] })),
    );
    expect((await stat(document.file)).size).toBe(document.bytes);
    expectPyTorch(await runFile(document.file));
  });

  it('takes options repeated or with commas, and shows what it wrote', async () => {
    const result = await vjp(
      MODEL,
      '--output',
      'logits',
      '--output',
      'blocks.1.hook_mlp_out',
      '--wrt',
      'blocks.0.attn.hook_q,blocks.0.ln2.hook_scale',
      '--wrt',
      'hook_embed',
      '--stop',
      'blocks.1.attn.hook_pattern',
      '--out',
      'many.onnx',
    );
    expect(result, result.err).toMatchObject({ code: 0, err: '' });
    expect(result.out).toMatch(/input {3}cotangent\.blocks\.1\.hook_mlp_out {2}float32 \[batch, seq, 64\]/);
    expect(result.out).toMatch(/output {2}grad\.blocks\.0\.attn\.hook_q {2}float32 \[batch, seq, 4, 16\]/);
    expect(result.out).toMatch(/output {2}grad\.blocks\.0\.ln2\.hook_scale {2}float32 \[batch, seq, 1\]/);
    expect(result.out).toMatch(/^\d+ nodes, \d{3},\d{3} bytes, written to .*many\.onnx$/m);
  });

  it.each([
    [['--output', 'logits', '--wrt', 'blocks.9.hook_resid_post'], 'Unknown site "blocks.9.hook_resid_post"'],
    [
      ['--output', 'logit', '--wrt', 'hook_embed'],
      'Unknown site "logit": the model has 2 blocks (0 to 1); nearest: logits',
    ],
    [['--output', 'blocks.*.hook_resid_post', '--wrt', 'hook_embed'], 'got the pattern "blocks.*.hook_resid_post"'],
    [['--output', 'blocks.0.hook_resid_post,blocks.1.hook_resid_pre', '--wrt', 'hook_embed'], 'is another name of'],
    [
      ['--output', 'blocks.0.hook_resid_post', '--wrt', 'blocks.1.hook_resid_post'],
      'blocks.1.hook_resid_post: Expected',
    ],
    [
      ['--output', 'logits', '--wrt', 'blocks.0.hook_resid_pre', '--stop', 'blocks.1.hook_resid_post'],
      'no stop tensor',
    ],
  ])('refuses %j', async (argv, message) => {
    const result = await vjp(MODEL, ...argv, '--out', 'refused.onnx', '--json');
    expect(result).toMatchObject({ code: 2 });
    const { error } = result.json() as { error: { class: string; message: string } };
    expect(error.class).toBe('InputError');
    expect(error.message).toContain(message);
    expect(await readdir(folder)).not.toContain('refused.onnx');
  });

  it('does not write over the model', async () => {
    await writeFile(join(folder, 'own.onnx'), await readFile(MODEL));
    const result = await vjp('own.onnx', '--output', 'logits', '--wrt', 'hook_embed', '--out', 'own.onnx');
    expect(result.code).toBe(2);
    expect(result.err).toContain("Expected a file other than the model's own");
    expect((await readFile(join(folder, 'own.onnx'))).equals(await readFile(MODEL))).toBe(true);
  });

  it('says where it cannot write', async () => {
    const result = await vjp(MODEL, '--output', 'logits', '--wrt', 'hook_embed', '--out', 'no/such/vjp.onnx');
    expect(result.code).toBe(1);
    expect(result.err).toMatch(/Cannot write ".*no\/such\/vjp\.onnx"/);
  });
});

describe('a model with large weights', () => {
  it('has them in a file beside it, copied from wherever they lay', async () => {
    await vjp(MODEL, '--output', 'logits', '--wrt', 'blocks.*.hook_resid_post', '--out', 'small.onnx');
    const small = decodeModel(await readFile(join(folder, 'small.onnx')));
    const plain = { external: [], sources: [] };
    const outside = join(folder, 'outside.onnx');
    const first = await writeModelFiles(small, { ...plain, file: outside, largestInline: 0 });
    expect(first).toMatchObject({ file: outside, data: `${outside}.data` });
    const referred = decodeModel(await readFile(outside));
    const references = externalReferences(referred);
    expect(references.length).toBeGreaterThan(10);
    expect(references.every(({ location, offset }) => location === 'outside.onnx.data' && offset % 65_536 === 0)).toBe(
      true,
    );
    expectPyTorch(await runFile(outside));
    // The same once more from the external file, into another external file and back inside.
    const external = [{ location: 'outside.onnx.data', path: `${outside}.data` }];
    const again = join(folder, 'again.onnx');
    await writeModelFiles(referred, {
      file: again,
      external,
      sources: [outside],
      largestInline: 0,
    });
    expect(Buffer.compare(await readFile(`${again}.data`), await readFile(`${outside}.data`))).toBe(0);
    const inside = join(folder, 'inside.onnx');
    expect((await writeModelFiles(referred, { file: inside, external, sources: [] })).data).toBeNull();
    const weights = (bytes: Uint8Array) =>
      graphOf(decodeModel(bytes)).initializer.map((t) => [t.name, Buffer.from(t.rawData ?? []).toString('base64')]);
    expect(weights(await readFile(inside))).toEqual(weights(joinChunks(encodeModel(small))));
    expect((await readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  it('is refused where its own weights cannot be found or are cut short', async () => {
    const outside = join(folder, 'cut.onnx');
    const small = decodeModel(await readFile(join(folder, 'small.onnx')));
    await writeModelFiles(small, { file: outside, external: [], sources: [], largestInline: 0 });
    const referred = decodeModel(await readFile(outside));
    const write = (external: readonly { location: string; path: string }[]) =>
      writeModelFiles(referred, { file: join(folder, 'x.onnx'), external, sources: [] });
    await expect(write([])).rejects.toThrow(InputError);
    await expect(write([])).rejects.toThrow('Expected the external weights "cut.onnx.data"');
    await writeFile(`${outside}.data`, (await readFile(`${outside}.data`)).subarray(0, 1000));
    const known = [{ location: 'cut.onnx.data', path: `${outside}.data` }];
    await expect(write(known)).rejects.toThrow('the file is cut short');
    expect((await readdir(folder)).filter((name) => name.startsWith('x.onnx'))).toEqual([]);
  });
});
