// Sums of rows and what follows from them: variance of rows with a large mean is that of brute force in float64, intervals hold the
// value and narrow with documents, differences are paired, and a dictionary beats a control only where the interval says so.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareWithControls, unbeaten, type EvaluationRow } from '../../../../core/dictionaries/compare-controls.js';
import { NUMBERS } from '../../../../core/dictionaries/evaluate-graph.js';
import { bootstrapIntervals, totals } from '../../../../core/statistics/document-bootstrap.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { ChildContext } from '../../../../runtime/child/protocol.js';
import type { SumsConfig } from '../../../../stages/evaluate/config.js';
import { measureRows } from '../../../../stages/evaluate/measure-rows.js';
import type { SumsRequest } from '../../../../stages/evaluate/messages.js';
import { columnCount, summarise, type EvaluationEntry } from '../../../../stages/evaluate/summarise.js';
import { TableWriter } from '../../../../storage/tables/table-writer.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('measure');
const [D, F, K, ROWS, PER_DOCUMENT] = [8, 12, 2, 1500, 50];
const MEAN = 1000;

const random = new KeyedRandom('measure', 'rows');
const x = Float32Array.from({ length: ROWS * D }, () => MEAN + random.nextNormal());
const weights = new Map<string, Float32Array>([
  ['W_enc', Float32Array.from({ length: F * D }, () => random.nextNormal() / 3)],
  ['b_enc', Float32Array.from({ length: F }, () => 0.1)],
  ['W_dec', Float32Array.from({ length: F * D }, () => random.nextNormal() / 3)],
  ['b_dec', new Float32Array(D).fill(MEAN)],
]);
const context: ChildContext = {
  stop: new AbortController().signal,
  progress: () => undefined,
  alive: () => undefined,
  ask: () => Promise.reject(new RangeError('nothing to ask')),
};

function sum(n: number, each: (i: number) => number): number {
  let total = 0;
  for (let i = 0; i < n; i++) total += each(i);
  return total;
}

/** Unexplained share of the variance by loops, the mean that of the rows. */
function bruteForce(): number {
  const at = (name: string, i: number): number => weights.get(name)?.[i] ?? NaN;
  const mean = Array.from({ length: D }, (_, j) => sum(ROWS, (b) => x[b * D + j] as number) / ROWS);
  let [errors, variance] = [0, 0];
  for (let b = 0; b < ROWS; b++) {
    const centred = Array.from({ length: D }, (_, j) => (x[b * D + j] as number) - at('b_dec', j));
    const kept = Array.from({ length: F }, (_, i) => ({
      i,
      value: Math.max(0, at('b_enc', i) + sum(D, (j) => at('W_enc', i * D + j) * (centred[j] as number))),
    }))
      .sort((p, q) => q.value - p.value)
      .slice(0, K);
    for (let j = 0; j < D; j++) {
      const hat = kept.reduce((total, { i, value }) => total + value * at('W_dec', i * D + j), 0);
      errors += (hat - (centred[j] as number)) ** 2;
      variance += ((x[b * D + j] as number) - (mean[j] as number)) ** 2;
    }
  }
  return errors / variance;
}

async function request(): Promise<SumsRequest> {
  const writer = await TableWriter.open({
    ...{ table: 'activations', path: path.join(folder, 'rows.arrow'), shard: 's', width: D, dtype: 'float32' },
    metadata: { key: 'k', site: 'here', model: '', units: 'raw activation units' },
  });
  await writer.write({
    doc: Uint32Array.from({ length: ROWS }, (_, i) => Math.floor(i / PER_DOCUMENT)),
    pos: Uint32Array.from({ length: ROWS }, (_, i) => i % PER_DOCUMENT),
    act: x,
  });
  const [file] = await writer.finish();
  const config = {
    keyed: { controls: ['neuronsStrongest'], k: K, seed: 0, untrained: null, model: null, engine: ENGINE },
    aux: {
      sites: { names: ['here'], widths: [D], reads: [0], writes: [0] },
      ...{ name: 'd', architecture: 'topk', features: F, settings: { k: K } },
    },
  } as unknown as SumsConfig;
  return { config, activations: [[file?.path ?? '']] } as unknown as SumsRequest;
}
const ENGINE = { ort: '', provider: 'cpu', threads: 1, optimisation: 'all' } as const;

describe('rows with a large mean', () => {
  it('have the variance that float64 loops give, where second moments about zero would be a thousand times too large', async () => {
    // A centre that is off by a little, as that of rows of which some are left out.
    const centre = new Float64Array(D).fill(MEAN + 0.01);
    const moments = { rows: ROWS, sumSq: 0, sumX: new Float64Array(D) };
    const site = { meanFit: new Float64Array(D).fill(MEAN), meanCalib: new Float64Array(D), centre, fit: moments };
    const of = { basis: { sites: [site], components: null }, weights, isLeftOut: () => false };
    const measured = await measureRows(await request(), of, context);
    expect(measured.documents).toHaveLength(ROWS / PER_DOCUMENT);
    const subjects = ['dictionary', 'neuronsStrongest'];
    const columns = columnCount(2, false);
    const values = new Float64Array(measured.documents.length * columns);
    measured.documents.forEach((_, d) => {
      values.set(measured.rows.subarray(2 * d, 2 * d + 2), d * columns);
      subjects.forEach((name, s) => {
        const own = measured.subjects.get(name) as Float64Array;
        values.set(own.subarray(d * NUMBERS.length, (d + 1) * NUMBERS.length), d * columns + 2 + s * NUMBERS.length);
      });
    });
    const sums = { documents: measured.documents.length, columns, values };
    const fired = Float64Array.from(measured.fired);
    const entries = summarise(
      { sums, subjects, hasLosses: false, shift: measured.shift, fired, deadTraining: null },
      { resamples: 200, seed: 0 },
    );
    const fvu = entries.find(({ subject, metric }) => subject === 'dictionary' && metric === 'fvu') as EvaluationEntry;
    expect(Math.abs((fvu.value as number) / bruteForce() - 1)).toBeLessThan(1e-5);
    expect(fvu.lo).toBeLessThan(fvu.value as number);
    expect(fvu.hi).toBeGreaterThan(fvu.value as number);
    expect(fvu.n).toBe(ROWS);
    expect(entries.find(({ metric }) => metric === 'deltaCeNats')?.value).toBeNull();
  });
});

describe('resampled documents', () => {
  const ratio = (s: Float64Array): number => (s[0] as number) / (s[1] as number);
  const of = (documents: number): { documents: number; columns: number; values: Float64Array } => {
    const own = new KeyedRandom('documents', documents);
    return {
      ...{ documents, columns: 2 },
      values: Float64Array.from({ length: 2 * documents }, (_, i) => (i % 2 === 0 ? own.nextFloat() : 1)),
    };
  };

  it('hold the value and narrow as one over the root of their number', () => {
    const width = (documents: number): number => {
      const sums = of(documents);
      const [interval] = bootstrapIntervals(sums, [ratio], { resamples: 500, random: new KeyedRandom('b') });
      const value = ratio(totals(sums));
      expect(interval?.lo).toBeLessThan(value);
      expect(interval?.hi).toBeGreaterThan(value);
      return (interval?.hi ?? NaN) - (interval?.lo ?? NaN);
    };
    // A uniform number has deviation 0.289: 2 · 1.96 · 0.289 / √n.
    expect(width(100) / 0.1132).toBeCloseTo(1, 0);
    expect(width(100) / width(1600)).toBeGreaterThan(3);
  });

  it('give no interval of one document', () => {
    expect(bootstrapIntervals(of(1), [ratio], { resamples: 10, random: new KeyedRandom('b') })).toEqual([null]);
  });
});

describe('a dictionary beside controls', () => {
  const row = (
    of: Pick<EvaluationRow, 'subject' | 'metric' | 'value'>,
    range?: readonly [number, number],
  ): EvaluationRow => ({
    ...{ ...of, lo: range?.[0] ?? null, hi: range?.[1] ?? null, n: 10 },
  });
  const rows = (l0: number, difference: readonly [number, number] | null): EvaluationRow[] => [
    row({ subject: 'dictionary', metric: 'l0', value: 16 }),
    row({ subject: 'control', metric: 'l0', value: l0 }),
    row({ subject: 'control', metric: 'fvu', value: 0.3 }),
    row({ subject: 'control', metric: 'fvuDifference', value: 0 }, difference ?? undefined),
  ];

  it.each([
    [16, [-0.2, -0.1], 'better'],
    [16, [-0.2, 0.1], 'undecided'],
    [16, [0.1, 0.2], 'worse'],
    [16, null, 'undecided'],
    [15.5, [-0.2, -0.1], 'better'],
    [20, [-0.2, -0.1], 'unequal'],
  ] as const)('with L0 %f of the control and the difference within %j is %s', (l0, difference, verdict) => {
    const comparisons = compareWithControls(rows(l0, difference));
    expect(comparisons.map((one) => one.verdict)).toEqual([verdict]);
    expect(unbeaten(comparisons)).toHaveLength(verdict === 'worse' || verdict === 'undecided' ? 1 : 0);
  });
});
