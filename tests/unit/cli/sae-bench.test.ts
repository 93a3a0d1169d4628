// `sae bench` from the command line: a toy is learned and found again, the same each time; a dry run and mistakes make nothing.
import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { BenchDocument } from '../../../pipeline/bench/run-bench.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';

const TOY = ['sae', 'bench', '--generator', 'toy', '--threads', '1', '--test-samples', '5000'];

it('finds most features of a toy, and the same numbers again', async () => {
  const environment = { ASSAY_CACHE: temporaryFolderOfTest('bench') };
  const words = [...TOY, '--samples', '61440', '--lr', '0.01', '--json'];
  const first = (await runCli(words, { environment })).json() as BenchDocument;
  const again = (await runCli(words, { environment })).json() as BenchDocument;
  expect(first.results).toMatchObject({ silent: 0 });
  const { mcc = 0, f1 = 0, explainedVariance = 0, trueL0 = 0 } = first.results ?? {};
  expect(trueL0).toBeCloseTo(2, 1);
  expect(mcc).toBeGreaterThan(0.8);
  expect(f1).toBeGreaterThan(0.6);
  expect(explainedVariance).toBeGreaterThan(0.7);
  const numbers = ({ results }: BenchDocument): object => ({ ...results, drawSeconds: 0, trainSeconds: 0 });
  expect(numbers(again)).toEqual(numbers(first));
}, 120_000);

it('a smaller generator is made once and kept; the text names the budget and what was left out', async () => {
  const cache = temporaryFolderOfTest('bench-small');
  const words = ['sae', 'bench', '--true-features', '256', '--width', '32', '--features', '64', '--k', '4'];
  const run = await runCli([...words, '--samples', '4096', '--test-samples', '2048'], {
    environment: { ASSAY_CACHE: cache },
  });
  expect(run.code).toBe(0);
  expect(run.out).toContain('synth-16k: 256 true features in 32 dimensions');
  expect(run.out).toContain('topk, 64 features, k 4, lr 0.0003; 4,096 rows in 4 steps of 1,024');
  expect(run.out).not.toContain('published');
  expect(await readdir(`${cache}/bench`)).toEqual([expect.stringMatching(/^synth-bench-[0-9a-f]{64}\.safetensors$/)]);
}, 120_000);

it('a dry run tells budget and memory and makes nothing', async () => {
  const cache = temporaryFolderOfTest('bench-dry');
  const { out, code } = await runCli(['sae', 'bench', '--dry-run'], { environment: { ASSAY_CACHE: cache } });
  expect(code).toBe(0);
  expect(out).toContain('999,424 rows in 976 steps of 1,024');
  expect(out).toContain('Nothing was trained or written.');
  expect(await readdir(cache)).toEqual([]);
});

it('mistakes end with 2, and an interrupt with 130', async () => {
  const wrong = await runCli(['sae', 'bench', '--k', '5000']);
  expect([wrong.code, wrong.out]).toEqual([2, '']);
  expect(wrong.err).toContain('k of at most 4096 features, got 5000');
  expect((await runCli(['sae', 'bench', '--generator', 'other'])).code).toBe(2);
  const stopped = await runCli(TOY, {
    environment: { ASSAY_CACHE: temporaryFolderOfTest('bench-stop') },
    signal: AbortSignal.abort(),
  });
  expect(stopped.code).toBe(130);
});
