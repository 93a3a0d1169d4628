// The files that a user gives to a training: what is read from good ones, what is said of bad ones.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { initialParameters } from '../../../../core/language-model/initialise.js';
import { modelParameters } from '../../../../core/language-model/architectures.js';
import { readBatches, readWeights, splitBatches } from '../../../../stages/language-model/given-files.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { smallConfig, writeTensors } from './harness.js';

const spec = smallConfig().model;
const weights = initialParameters(spec, 3);
type Tensors = Record<string, { shape: number[]; data: Float32Array | Int32Array }>;
const whole: Tensors = Object.fromEntries(
  modelParameters(spec).map(({ name, shape }) => [
    name,
    { shape: [...shape], data: weights.get(name) ?? new Float32Array() },
  ]),
);
const NORM = 'transformer.h.0.ln_1.weight';

const file = path.join(temporaryFolder('given-files'), 'init.safetensors');

/** The whole file's tensors with some changed; undefined leaves one out. */
async function write(changes: Record<string, Tensors[string] | undefined>): Promise<void> {
  const entries = Object.entries({ ...whole, ...changes });
  await writeTensors(file, Object.fromEntries(entries.filter(([, t]) => t !== undefined)) as Tensors);
}

describe('given weights', () => {
  it('come as they are stored; masks and a tied copy are passed over', async () => {
    await write({
      'transformer.h.0.attn.bias': { shape: [1], data: Float32Array.of(1) },
      'lm_head.weight': { shape: [1], data: Float32Array.of(1) },
    });
    expect(await readWeights(file, spec)).toEqual(weights);
  });

  it.each([
    [
      'a missing tensor',
      { [NORM]: undefined },
      `expected a tensor "${NORM}", found none; nearest: transformer.h.0.ln_2.weight, transformer.h.0.ln_1.bias, transformer.ln_f.weight.`,
    ],
    [
      'a wrong shape',
      { [NORM]: { shape: [4], data: new Float32Array(4) } },
      `expected tensor "${NORM}" as F32 [8], found F32 [4]; give weights of a model of these sizes, in float32.`,
    ],
    [
      'another type',
      { [NORM]: { shape: [8], data: new Int32Array(8) } },
      `expected tensor "${NORM}" as F32 [8], found I32 [8]; give weights of a model of these sizes, in float32.`,
    ],
    [
      'NaN',
      { [NORM]: { shape: [8], data: Float32Array.of(1, 1, NaN, 1, 1, 1, 1, 1) } },
      `expected finite weights, found NaN in tensor "${NORM}" at 2; give another file.`,
    ],
    [
      'one layer more',
      { 'transformer.h.1.ln_1.weight': { shape: [8], data: new Float32Array(8) } },
      'expected only the 16 parameters of a gpt2 model with 1 layers, found tensor "transformer.h.1.ln_1.weight" too; give weights of a model of these sizes.',
    ],
  ])('with %s are refused', async (_, changes, message) => {
    await write(changes);
    await expect(readWeights(file, spec)).rejects.toThrow(`${file}: ${message}`);
  });

  it('that are not there or no safetensors are refused', async () => {
    await expect(readWeights('/nowhere', spec)).rejects.toThrow(
      'Expected a safetensors file at /nowhere, found none that can be read (ENOENT); correct the path.',
    );
    await expect(readWeights(new URL(import.meta.url).pathname, spec)).rejects.toThrow('Not a whole safetensors file');
  });
});

describe('given batches', () => {
  const need = { steps: 2, batch: 3 };
  const offsets = (shape: number[], ...data: number[]): Promise<string> =>
    writeTensors(file, { at: { shape, data: Int32Array.from(data) } });

  it('are rows of offsets, of which a training may use the first', async () => {
    await offsets([3, 3], 0, 1, 2, 3, 4, 5, 6, 7, 8);
    const { offsets: read, batch } = await readBatches(file, 'at', need);
    expect([batch, read]).toEqual([3, [0, 1, 2, 3, 4, 5, 6, 7, 8]]);
    expect(splitBatches('a#b.safetensors#at')).toEqual({ file: 'a#b.safetensors', tensor: 'at' });
  });

  it('must be there, of the right shape and not negative', async () => {
    await offsets([1, 3], 0, 1, 2);
    await expect(readBatches(file, 'at', need)).rejects.toThrow(
      `${file}: expected tensor "at" of whole numbers (I32 or I64) [2 or more, 3] = [steps, batch], found I32 [1, 3]; correct training.batches, steps or batch.`,
    );
    await expect(readBatches(file, 'att', need)).rejects.toThrow(
      `${file}: expected a tensor "att", found none; nearest: at.`,
    );
    await offsets([2, 3], 0, 1, 2, 3, -4, 5);
    await expect(readBatches(file, 'at', need)).rejects.toThrow(
      `${file}: expected offsets of at least 0, found at[1, 1] = -4; the offsets belong to another stream`,
    );
    await writeTensors(file, { at: { shape: [2, 3], data: new Float32Array(6) } });
    await expect(readBatches(file, 'at', need)).rejects.toThrow('found F32 [2, 3]');
  });
});
