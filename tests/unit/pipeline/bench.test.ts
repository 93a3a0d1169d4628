// A bench measures what is there: a dictionary that is the truth scores 1 everywhere, one with a feature too many or turned round
// loses exactly that. What is asked for is checked before anything is made.
import { describe, expect, it } from 'vitest';
import { multiplyPlainly } from '../../../core/tensor/matrix.js';
import { Toy } from '../../../organisms/synthetic/toy/toy.js';
import { TOY } from '../../../organisms/synthetic/toy/train.js';
import { measureDictionary, type Measures } from '../../../pipeline/bench/measure.js';
import { planBench } from '../../../pipeline/bench/run-bench.js';
import { benchSettings, type BenchRequest } from '../../../pipeline/bench/settings.js';
import { shapeOf } from '../../../stages/train/shape.js';

const N = 8;
/** Rows of eight features, each a dimension of its own. */
const source = new Toy(
  { ...TOY, features: N, width: N, sparsity: 0.7 },
  {
    W: { data: Float32Array.from({ length: N * N }, (_, i) => (i % (N + 1) === 0 ? 1 : 0)), rows: N, columns: N },
    b: new Float32Array(N),
  },
);

/** The measures of a relu dictionary with these rows, as encoder and decoder. */
async function measure(rows: readonly (readonly number[])[], biases: readonly number[] = []): Promise<Measures> {
  const { sae } = benchSettings({
    ...{ generator: 'toy', architecture: 'relu', kind: { sparsity: 1 }, features: rows.length, samples: 1024 },
    ...{ trueFeatures: N, width: N },
  });
  const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
  const keyed = {
    activationsKey: '',
    site: '',
    dtype: 'float32' as const,
    runSeed: 0,
    sae,
    engine: { ...engine, ort: '' },
  };
  const weights = new Map([
    ['W_enc', Float32Array.from(rows.flat())],
    ['W_dec', Float32Array.from(rows.flat())],
    ['b_enc', Float32Array.from(rows, (_, i) => biases[i] ?? 0)],
    ['b_dec', new Float32Array(N)],
  ]);
  const shape = shapeOf(keyed, [N]);
  return measureDictionary({
    ...{ source, sae, engine, multiply: multiplyPlainly, rows: 3000, signless: true },
    dictionary: { shape, weights, steps: 0, deadFraction: null, drawMs: 0, trainMs: 0 },
    progress: () => undefined,
    signal: new AbortController().signal,
  });
}

const truth = Array.from({ length: N }, (_, i) => Array.from({ length: N }, (_, j) => (i === j ? 1 : 0)));

describe('measures of a dictionary', () => {
  it('that is the truth are all 1', async () => {
    const { best, assigned, matching, explainedVariance, l0, trueL0, silent, duplicates } = await measure(truth);
    expect([best.f1, best.precision, best.recall, assigned.f1]).toEqual([1, 1, 1, 1]);
    expect([matching.mcc, matching.uniqueness, matching.shared, duplicates.share, silent]).toEqual([1, 1, 1, 0, 0]);
    expect(explainedVariance).toBeCloseTo(1, 6);
    expect(l0).toBe(trueL0);
    expect(l0 / N).toBeCloseTo(0.3, 1);
  });

  it('that has a feature twice pay for it in uniqueness, duplicates and the assigned F1', async () => {
    const { best, assigned, matching, duplicates } = await measure([...truth, truth[3] as number[]]);
    expect(best.f1).toBe(1);
    expect(assigned.f1).toBeCloseTo(8 / 9, 12);
    expect(matching.uniqueness).toBeCloseTo(8 / 9, 12);
    expect(matching.mcc).toBe(1);
    expect([duplicates.count, duplicates.of[8]]).toEqual([1, 3]);
  });

  it('that never fires explain nothing, and are silent', async () => {
    const { best, explainedVariance, silent, l0 } = await measure(
      truth,
      Array.from({ length: N }, () => -5),
    );
    expect([best.f1, silent, l0]).toEqual([0, N, 0]);
    // b_dec = 0 is farther from the rows than their mean.
    expect(explainedVariance).toBeLessThan(0);
  });
});

describe('settings of a bench', () => {
  const of = (request: Partial<BenchRequest>): ReturnType<typeof benchSettings> =>
    benchSettings({ generator: 'synth-16k', architecture: 'topk', kind: {}, ...request });

  it('are those of the published recipe by default', () => {
    const { sae, generator } = of({});
    expect(sae).toMatchObject({ features: 4096, k: 25, lr: 3e-4, batchRows: 1024, warmupSteps: 0, decayFraction: 0 });
    expect(generator.settings).toMatchObject({ features: 16_384, width: 768 });
    expect(planBench({ settings: of({}), threads: 1 }).published).toHaveLength(10);
  });

  it('of another size have no published results beside them', () => {
    expect(planBench({ settings: of({ features: 2048 }), threads: 1 }).published).toEqual([]);
    expect(of({ trueFeatures: 4096 }).generator.settings).toMatchObject({ hierarchy: { roots: 32 } });
  });

  it.each([
    [{ architecture: 'nothing' }, /among topk.*"nothing"/],
    [{ kind: { k: 5000 } }, /--k: at most features \(4096\), got 5000/],
    [{ samples: 100 }, /at least 1024 samples/],
    [{ architecture: 'relu' }, /--sparsity: a number/],
    [{ kind: { sparsity: 1 } }, /--sparsity: nothing for topk/],
  ])('%j are refused with what to do', (request, message) => {
    expect(() => of(request)).toThrow(message);
  });
});
