// Proves that the backward graph of a model whose softmax guards rows that padding masks as a whole gives PyTorch's gradients,
// finite at every real token.
import { decodeModel } from '../../../core/onnx/codec.js';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { asFloat32, asIntegers } from '../../../core/tensor/safetensors.js';
import { buildSiteVjp } from '../../../models/vjp.js';
import { runFixture } from '../autodiff/run-fixture.js';
import { largestError, tensorOf } from '../reference.js';
import { runModel } from '../../../models/run-model.js';
import { runCli } from '../../unit/cli/harness.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { caseFile, caseReference, ENGINE } from './run-case.js';

const folder = temporaryFolder('left-padding');
const FOLDER = '03-left-padding-nan';
const { tensors } = caseReference(FOLDER, 'gpt2-sdpa-legacy.safetensors');
const sites = [...tensors.keys()].flatMap((name) => (name.startsWith('grad.') ? [name.slice(5)] : []));

it("a run with the mask has PyTorch's logits at every real token, and other ones without it", async () => {
  const file = caseFile(FOLDER, 'gpt2-sdpa-legacy.onnx');
  const [ids, mask] = ['input_ids', 'attention_mask'].map((name) =>
    Uint32Array.from(asIntegers(tensorOf(tensors, name))),
  ) as [Uint32Array, Uint32Array];
  const expected = asFloat32(tensorOf(tensors, 'logits'));
  const errorOf = async (given: object): Promise<number> => {
    const values = await runModel(file, { ids, length: 9, ...given }, { hooks: ['logits'], engine: ENGINE });
    const real = (all: Float32Array): Float32Array => all.filter((_, i) => mask[Math.floor(i / 100)] === 1);
    return largestError(real(values.get('logits')?.data as Float32Array), real(expected));
  };
  expect(await errorOf({ mask })).toBeLessThan(5e-5);
  expect(await errorOf({})).toBeGreaterThan(0.01);
});

it('a run with padding in front is noted where the model takes no positions, one with padding behind is not', async () => {
  const [ids, mask] = ['input_ids', 'attention_mask'].map((name) => [...asIntegers(tensorOf(tensors, name))]);
  const [row, hidden] = [ids?.slice(0, 9), mask?.slice(0, 9)];
  expect(hidden?.[0]).toBe(0);
  const run = async (name: string, given: number[] = []): Promise<string> => {
    await writeFile(path.join(folder, 'ids.json'), JSON.stringify(row));
    await writeFile(path.join(folder, name), JSON.stringify(given));
    const model = path.resolve(caseFile(FOLDER, 'gpt2-sdpa-legacy.onnx'));
    const rows = ['--ids', 'ids.json', '--mask', name];
    const argv = ['model', 'run', model, ...rows, '--hooks', 'logits', '--out', 'o.safetensors'];
    const { code, err } = await runCli(argv, { cwd: folder });
    expect(code, err).toBe(0);
    return err;
  };
  expect(await run('front.json', hidden)).toContain('whether it counts padding before tokens is its own affair');
  expect(await run('behind.json', hidden?.toReversed())).toBe('');
});

it('gradients are those of PyTorch at every real token, and finite everywhere', async () => {
  expect(sites.length).toBe(18);
  const model = decodeModel(readFileSync(caseFile(FOLDER, 'gpt2-sdpa-legacy.onnx')));
  const results = await runFixture(buildSiteVjp(model, { outputs: ['logits'], wrt: sites, stop: [] }), tensors);
  const mask = asIntegers(tensorOf(tensors, 'attention_mask'));
  expect(mask).toContain(0);
  for (const site of sites) {
    const name = `grad.${site}`;
    const got = results[name]?.data as Float32Array;
    const expected = asFloat32(tensorOf(tensors, name));
    const width = expected.length / mask.length;
    const real = (values: Float32Array): Float32Array => values.filter((_, i) => mask[Math.floor(i / width)] === 1);
    expect(largestError(real(got), real(expected)), site).toBeLessThan(5e-5);
    expect(got.every(Number.isFinite), site).toBe(true);
  }
});
