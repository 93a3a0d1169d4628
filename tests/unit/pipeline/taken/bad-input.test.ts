// Bad files of other programs: what the user gets names the file, the tensor or field, what was expected and found, and what to do.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';
import { takeDictionaries } from '../../../../pipeline/taken/take.js';
import { InputError } from '../../../../schemas/errors.js';

const root = await mkdtemp(path.join(os.tmpdir(), 'assay-taken-bad-'));
afterAll(() => rm(root, { recursive: true, force: true }));

const [d, F] = [4, 8];
const ramp = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i + 1));
const CFG = {
  ...{ architecture: 'standard', d_in: d, d_sae: F, dtype: 'float32', apply_b_dec_to_input: true },
  ...{
    normalize_activations: 'none',
    metadata: { sae_lens_version: '6.54.12', hook_name: 'blocks.0.hook_resid_post' },
  },
};
type Shapes = Readonly<Record<string, readonly number[]>>;
const SHAPES: Shapes = { W_enc: [d, F], b_enc: [F], W_dec: [F, d], b_dec: [d] };

async function folder(
  cfg: object,
  shapes: Shapes,
  change: (name: string, values: Float32Array) => Float32Array = (_, values) => values,
): Promise<string> {
  const place = await mkdtemp(path.join(root, 'case-'));
  const tensors = new Map(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      safeTensor(change(name, ramp(shape.reduce((a, b) => a * b, 1))), shape),
    ]),
  );
  await writeFile(path.join(place, 'cfg.json'), JSON.stringify(cfg));
  await writeFile(path.join(place, 'sae_weights.safetensors'), Buffer.concat(encodeSafetensors(tensors)));
  return place;
}

async function refusal(place: string, format: 'auto' | 'saelens' | 'openai' = 'auto'): Promise<string> {
  const error: unknown = await takeDictionaries({ path: place, format, asTranscoder: false }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

it('a tensor that changes nothing is left out, with a note', async () => {
  const [member] = await takeDictionaries({
    ...{ path: await folder(CFG, { ...SHAPES, ema_frequency: [F], steps: [1] }), format: 'auto', asTranscoder: false },
  });
  expect(member?.dictionary.notes).toContainEqual(
    expect.stringMatching(/^Left out of .*sae_weights.safetensors, .* kind standard reads it: ema_frequency, steps.$/),
  );
});

describe('a dictionary is refused', () => {
  it('where its orientation is swapped', async () => {
    const text = await refusal(await folder(CFG, { ...SHAPES, W_enc: [F, d] }));
    expect(text).toMatch(
      /"W_enc" .* to lie as \[4, 8\], found \[8, 4\]: its orientation is swapped. Save it transposed/,
    );
  });

  it('where it is square and only one of its matrices turned fits the other', async () => {
    const square = { ...CFG, d_in: 8, d_sae: 8 };
    const rows = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * i + 1));
    const place = await folder(square, { W_enc: [8, 8], b_enc: [8], W_dec: [8, 8], b_dec: [8] }, (name, values) =>
      name.startsWith('W_') ? rows : values,
    );
    // SAELens stores W_enc as [d_in, d_sae]: the same numbers in both files are one matrix and its transpose.
    expect(await refusal(place)).toMatch(/a mean cosine of -?\d\.\d+ as they lie and 1\.000 with one of them turned/);
  });

  it.each([
    { name: 'W_skip', architecture: 'topk', shape: [d, d] },
    { name: 'threshold', architecture: 'standard', shape: [F] },
  ])('where its weights have a $name that a $architecture has no use for', async ({ name, architecture, shape }) => {
    const text = await refusal(await folder({ ...CFG, architecture, k: 2 }, { ...SHAPES, [name]: shape }));
    expect(text).toMatch(
      new RegExp(
        `tensors of a dictionary of kind ${architecture}, found also ${name}, which no equation .*; .*correct them`,
      ),
    );
  });

  it('where its width is another than its settings say', async () => {
    const text = await refusal(await folder({ ...CFG, d_in: 5 }, SHAPES));
    expect(text).toMatch(
      /"W_enc" .* to have the shape \[5, 8\], found \[4, 8\]; .*give the files that were saved together/,
    );
  });

  it('where a weight is NaN', async () => {
    const place = await folder(CFG, SHAPES, (name, values) => (name === 'W_dec' ? values.with(6, NaN) : values));
    expect(await refusal(place)).toMatch(/found W_dec\[1, 2\] = NaN; .*take another checkpoint/);
  });

  it('where a tensor is missing, with the nearest name', async () => {
    const { b_enc: _, ...rest } = SHAPES;
    expect(await refusal(await folder(CFG, { ...rest, b_en: [F] }))).toMatch(
      /Expected a tensor "b_enc" .* nearest: W_enc, b_en, b_dec/,
    );
  });

  it.each([
    [{ architecture: 'banana' }, /"architecture" .* one of standard, topk, .*found "banana"/],
    [{ architecture: 'topk', k: 9 }, /k .* from 1 to its 8 features, found 9/],
    [{ normalize_activations: 'zca' }, /"normalize_activations" .* found "zca"/],
    [{ metadata: { ...CFG.metadata, hook_head_index: 3 } }, /one of head 3 alone/],
    [{ d_sae: 'many' }, /"d_sae" .* a whole number from 1, found "many"/],
  ])('where its settings are %j', async (change, text) => {
    expect(await refusal(await folder({ ...CFG, ...change }, SHAPES))).toMatch(text);
  });

  it('where a decoder row that features are rescaled by is zero', async () => {
    const cfg = { ...CFG, architecture: 'topk', k: 2, rescale_acts_by_decoder_norm: true };
    const place = await folder(cfg, SHAPES, (name, values) => (name === 'W_dec' ? values.fill(0, 8, 12) : values));
    expect(await refusal(place)).toMatch(/row 2 of W_dec is 0/);
  });

  it('where the format that is named is another', async () => {
    expect(await refusal(await folder(CFG, SHAPES), 'openai')).toMatch(/of format openai .* found one of saelens/);
  });

  it('where nothing tells whose it is', async () => {
    const place = await mkdtemp(path.join(root, 'case-'));
    await writeFile(path.join(place, 'notes.txt'), 'x');
    expect(await refusal(place)).toMatch(/found notes.txt, which is none of the formats saelens, sparsify/);
    expect(await refusal(path.join(root, 'nowhere'))).toMatch(/cannot be read/);
  });

  it('where its file breaks off', async () => {
    const place = await folder(CFG, SHAPES);
    const file = path.join(place, 'sae_weights.safetensors');
    const { readFile } = await import('node:fs/promises');
    await writeFile(file, (await readFile(file)).subarray(0, -4));
    expect(await refusal(place)).toMatch(/Not a whole safetensors file/);
  });
});
