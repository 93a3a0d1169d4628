// `assay sae compare` over dictionaries that the real stages trained: against cosines by loops over the stored weights.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { asFloat32, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { saeCompareDocument } from '../../../schemas/documents/sae-compare.js';
import { storedDictionary } from '../../../reading/dictionary/stored-weights.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';
import { runStages, SITE, submitRun, writeRun } from './pipeline.js';

const folder = temporaryFolder('compare');
let store: ObjectStore;
const cli = (...argv: string[]): ReturnType<typeof runCli> =>
  runCli(['sae', 'compare', ...argv, '--store', `file://${join(folder, 'data')}`], { cwd: folder });

beforeAll(async () => {
  const entry = (name: string, rest: string): string =>
    `  - { name: ${name}, hook: ${SITE}, k: 4, tokens: 1024, batchRows: 64, ${rest} }\n`;
  const file = await writeRun(folder, (yaml) =>
    yaml
      .replace(`hooks: [${SITE}]`, `hooks: [${SITE}, blocks.0.hook_resid_post]`)
      .replace(
        /saes:\n.*\n/,
        `saes:\n${entry('a', 'features: 64')}${entry('b', 'features: 64, seed: 1')}${entry('narrow', 'features: 24, seed: 2')}` +
          `  - { name: elsewhere, hook: blocks.0.hook_resid_post, features: 32, k: 4, tokens: 1024, batchRows: 64 }\n`,
      ),
  );
  store = await openStore(`file://${join(folder, 'data')}`);
  const run = await submitRun(store, file);
  await runStages(store, run, { folder, until: 'train' });
}, 120_000);

async function decoderOf(dictionary: string): Promise<Float32Array[]> {
  const { weights } = await storedDictionary(store, { run: 'small', dictionary });
  const tensor = decodeSafetensors(await readFile(join(folder, 'data', weights.key))).get('W_dec');
  if (!tensor) throw new TypeError('no W_dec');
  const data = asFloat32(tensor);
  const width = tensor.shape[1] ?? 0;
  return Array.from({ length: tensor.shape[0] ?? 0 }, (_, i) => data.subarray(i * width, (i + 1) * width));
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  a.forEach((value, i) => {
    dot += value * (b[i] as number);
    aa += value * value;
    bb += (b[i] as number) ** 2;
  });
  return dot / Math.sqrt(aa * bb);
}

/** Pairs by the largest cosine first: a lower bound of the best matching. */
function greedySum(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  const all = a.flatMap((own, i) => b.map((other, j) => ({ i, j, value: cosine(own, other) })));
  const [left, right] = [new Set<number>(), new Set<number>()];
  let sum = 0;
  for (const { i, j, value } of all.sort((x, y) => y.value - x.value)) {
    if (left.has(i) || right.has(j)) continue;
    left.add(i);
    right.add(j);
    sum += value;
  }
  return sum;
}

async function compared(...argv: string[]): ReturnType<typeof saeCompareDocument.parseAsync> {
  return saeCompareDocument.parse(JSON.parse((await cli(...argv, '--json')).out));
}

describe('sae compare', () => {
  it('matches every two of them at least as well as greedy pairs do, one way as the other', async () => {
    const { pairs, dictionaries } = await compared('a', 'small/b', 'narrow');
    expect(dictionaries.map(({ dictionary, features, writes }) => [dictionary, features, writes])).toEqual([
      ['small/a', 64, [SITE]],
      ['small/b', 64, [SITE]],
      ['small/narrow', 24, [SITE]],
    ]);
    expect(pairs.map(({ a, b, pairs: n }) => [a, b, n])).toEqual([
      ['small/a', 'small/b', 64],
      ['small/a', 'small/narrow', 24],
      ['small/b', 'small/narrow', 24],
    ]);
    for (const { a, b, pairs: n, mcc, p10, p50, p90, least } of pairs) {
      const [rowsA, rowsB] = [await decoderOf(a.slice(6)), await decoderOf(b.slice(6))];
      expect(mcc * n).toBeGreaterThanOrEqual(greedySum(rowsA, rowsB) - 1e-5);
      expect(least.cosine).toBeCloseTo(cosine(rowsA[least.feature] as never, rowsB[least.other] as never), 5);
      expect([least.cosine, p10, p50, p90]).toEqual([least.cosine, p10, p50, p90].sort((x, y) => x - y));
    }
    expect(pairs.map(({ sameStart }) => sameStart)).toEqual([false, false, false]);
    const [turned] = (await compared('b', 'a')).pairs;
    expect(turned?.mcc).toBeCloseTo(pairs[0]?.mcc ?? NaN, 5);
    expect(turned?.shared).toBe(pairs[0]?.shared);
  });

  it('finds a dictionary to be itself, and random rows not', async () => {
    const [pair] = (await compared('a', 'a')).pairs;
    expect(pair?.mcc).toBeCloseTo(1, 5);
    expect(pair?.shared).toBe(1);
    expect(pair?.least.cosine).toBeCloseTo(1, 5);
    expect(pair?.randomMcc).toBeLessThan(0.5);
    expect(pair?.randomMcc).toBeGreaterThan(0);
    expect(pair?.sameStart).toBe(true);
  });

  it('counts rows that repeat an earlier one from the cosine that is given', async () => {
    const threshold = 0.2;
    const { dictionaries } = await compared('a', 'b', '--duplicates-from', String(threshold));
    const rows = await decoderOf('a');
    const repeats = rows.filter((own, j) => rows.slice(0, j).some((earlier) => cosine(own, earlier) >= threshold));
    expect(repeats.length).toBeGreaterThan(0);
    expect(dictionaries[0]?.duplicates).toEqual({ threshold, count: repeats.length, share: repeats.length / 64 });
  });

  it('shows pairs and repeats as text', async () => {
    const { out } = await cli('a', 'b');
    expect(out).toMatch(/small\/a and small\/b +64 +0\.\d{3} +0\.\d{3} +\d+\.\d %/);
    expect(out).toContain('Decoder rows matched one to one');
    expect(out).not.toContain('SAME START');
    expect((await cli('a', 'a')).out).toContain(
      'SAME START: small/a and small/a have the same seed and began from the same rows; that they are alike is no evidence.',
    );
    expect(out).toMatch(/small\/b +64 +\d+ \(\d+\.\d %\) with a cosine of 0\.9 or more with an earlier one/);
  });

  it.each([
    [['a'], 'Expected two or more dictionaries to compare, found 1.'],
    [
      ['a', 'elsewhere'],
      `Expected dictionaries that write the same sites, found small/a, which writes ${SITE} (128 numbers), and small/elsewhere, which writes blocks.0.hook_resid_post (128 numbers).`,
    ],
    [['a', 'nobody'], 'nobody'],
    [['a', 'b', '--duplicates-from', '1.5'], 'Expected a cosine above 0 and at most 1.'],
  ])('refuses %j', async (argv, text) => {
    const { code, err, out } = await cli(...argv);
    expect(code).toBe(2);
    expect(err).toContain(text);
    expect(out).toBe('');
  });
});
