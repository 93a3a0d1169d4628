// `sae bench` from the command line: a toy is learned and found again, the same each time; a dry run and mistakes make nothing.
import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { BenchDocument } from '../../../pipeline/bench/run-bench.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';

const TOY = ['sae', 'bench', '--generator', 'toy', '--threads', '1', '--test-samples', '2000'];

it('finds most features of a toy', async () => {
  const environment = { ASSAY_CACHE: temporaryFolderOfTest('bench') };
  const words = [...TOY, '--samples', '30720', '--lr', '0.03', '--json'];
  const { results } = (await runCli(words, { environment })).json() as BenchDocument;
  expect(results?.silent).toBeLessThan(0.1);
  expect(results?.trueL0).toBeCloseTo(2, 1);
  expect(results?.mcc).toBeGreaterThan(0.8);
  expect(results?.f1).toBeGreaterThan(0.6);
  expect(results?.explainedVariance).toBeGreaterThan(0.7);
}, 120_000);

it('a smaller generator is made once and kept, and gives the same numbers again', async () => {
  const cache = temporaryFolderOfTest('bench-small');
  const size = ['--true-features', '256', '--width', '32', '--features', '64', '--k', '4'];
  const words = ['sae', 'bench', ...size, '--samples', '4096', '--test-samples', '2048', '--threads', '1'];
  const environment = { ASSAY_CACHE: cache };
  const told = await runCli(words, { environment });
  expect(told.code).toBe(0);
  expect(told.out).toContain('synth-16k: 256 true features in 32 dimensions');
  expect(told.out).toContain('topk, 64 features, k 4, lr 0.0003; 4,096 rows in 4 steps of 1,024');
  expect(told.out).not.toContain('published');
  expect(await readdir(`${cache}/bench`)).toEqual([expect.stringMatching(/^synth-bench-[0-9a-f]{64}\.safetensors$/)]);
  const { results } = (await runCli([...words, '--json'], { environment })).json() as BenchDocument;
  for (const value of [results?.f1, results?.mcc, results?.uniqueness, results?.explainedVariance])
    expect(told.out).toContain((value as number).toFixed(4));
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
  expect(wrong.err).toContain('--k: at most features (4096), got 5000');
  expect((await runCli(['sae', 'bench', '--generator', 'other'])).code).toBe(2);
  const stopped = await runCli(TOY, {
    environment: { ASSAY_CACHE: temporaryFolderOfTest('bench-stop') },
    signal: AbortSignal.abort(),
  });
  expect(stopped.code).toBe(130);
}, 60_000);
