// The fast step against the differentiated graph of the same dictionary: every kind with every wiring that it can have, widths that
// are no multiple of 4, clipping, dead features, several slices. Equal losses, gradient norms and weights, but for rounding.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { type DictionarySettings, completeSettings } from '../../../core/dictionaries/settings.js';
import { type DictionarySites, totalFeatures, wiringName } from '../../../core/dictionaries/sites.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../../schemas/dictionaries.js';
import type { EngineParts, StepTold, TrainingEngine } from '../../../stages/train/engines/engine.js';
import { FastEngine } from '../../../stages/train/engines/fast-engine.js';
import { GraphEngine } from '../../../stages/train/engines/graph-engine.js';

const [B, STEPS, FEATURES] = [22, 6, 24];
const WIRINGS: Readonly<Record<string, DictionarySites>> = {
  same: { widths: [10], reads: [0], writes: [0] },
  'transcoder with skip': { widths: [10, 7], reads: [0], writes: [1], skip: true },
  transcoder: { widths: [5, 12], reads: [0], writes: [1] },
  crosscoder: { widths: [6, 9, 4], reads: [0, 1], writes: [1, 2] },
  'cross-layer': { widths: [6, 9, 5, 7], reads: [0, 1], writes: [2, 3], crossLayer: true },
};
const OWN: Readonly<Record<ArchitectureName, Partial<DictionarySettings>>> = {
  topk: { k: 3 },
  batchtopk: { k: 3 },
  matryoshka: { k: 3, prefixes: [4, 12, 24] },
  relu: { sparsity: 0.05 },
  jumprelu: { l0: 4 },
  gated: { sparsity: 0.05 },
};

/** Of weights after the steps. In a choice over the batch a near-tie may fall the other way, which moves a feature by up to one step of Adam. */
const TOLERANCE: Readonly<Record<ArchitectureName, number>> = {
  ...{ topk: 5e-6, relu: 5e-6, jumprelu: 5e-6, gated: 5e-6 },
  ...{ batchtopk: 1e-3, matryoshka: 1e-3 },
};

function settings(architecture: ArchitectureName, more: Partial<DictionarySettings>): DictionarySettings {
  return completeSettings(
    {
      ...{ architecture, features: FEATURES, ...OWN[architecture], tokens: B * STEPS, batchRows: B, seed: 3 },
      ...{ lr: 3e-3, warmupSteps: 0, decayFraction: 0, betas: null, epsilon: 1e-8, clipNorm: 0.5 },
      ...{ auxK: null, auxWeight: 1 / 32, deadAfterTokens: 2 * B, logEverySteps: 1, ...more },
    },
    10,
  );
}

function parts(sae: DictionarySettings, sites: DictionarySites): EngineParts {
  const shape = { kind: ARCHITECTURES[sae.architecture], sites, features: totalFeatures(sae.features, sites) };
  return {
    ...{ shape, sae, variance: 9, scales: sites.widths.map(() => 1) },
    engine: { provider: 'cpu', threads: 1, optimisation: 'all', ort: 'any' },
    means: sites.widths.map((width) => Float64Array.from({ length: width }, (_, i) => 0.1 * i)),
  };
}

function rowsOf(sites: DictionarySites): Float32Array[] {
  const random = new KeyedRandom('rows', 1);
  return sites.widths.map((width) => Float32Array.from({ length: STEPS * B * width }, () => random.nextNormal()));
}

async function train(engine: TrainingEngine, rows: readonly Float32Array[]): Promise<StepTold[]> {
  await engine.begin();
  return engine.train(rows, { from: 0, count: STEPS });
}

async function tensorOf(engine: TrainingEngine, name: string): Promise<number[]> {
  const tensor = engine.tensors.find((own) => own.name === name);
  const values: number[] = [];
  if (tensor) for await (const part of engine.read(tensor)) values.push(...Array.from(part as Float32Array, Number));
  return values;
}

const CASES = ARCHITECTURE_NAMES.flatMap((architecture) =>
  Object.entries(WIRINGS)
    .filter(([, sites]) => !ARCHITECTURES[architecture].lacks?.includes(wiringName(sites)))
    .flatMap(([wiring, sites]) => [1, 2].map((slices) => ({ architecture, wiring, sites, slices }))),
);

describe('the fast step', () => {
  it.each(CASES)('trains $architecture, $wiring, in $slices slice(s) as the graph does', async (of) => {
    const sae = settings(of.architecture, {});
    const given = parts(sae, of.sites);
    const rows = rowsOf(of.sites);
    const graph = await GraphEngine.create(given);
    const fast = await FastEngine.create({ ...given, sae: { ...sae, slices: of.slices } });
    try {
      const [want, got] = [await train(graph, rows), await train(fast, rows)];
      expect(want).toHaveLength(STEPS);
      for (const [s, step] of want.entries()) {
        expect(got[s]?.loss, `loss ${s}`).toBeCloseTo(step.loss, 4);
        expect(got[s]?.l0, `l0 ${s}`).toBeCloseTo(step.l0, 5);
        expect((got[s]?.gradNorm ?? NaN) / step.gradNorm, `norm ${s}`).toBeCloseTo(1, 3);
        if (sae.auxK > 0) expect(got[s]?.dead, `dead ${s}`).toBe(step.dead);
      }
      for (const { name, fixed } of given.shape.kind.parameters(given.shape)) {
        if (fixed) continue;
        const [a, b] = [await tensorOf(graph, name), await tensorOf(fast, name)];
        expect(b).toHaveLength(a.length);
        const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0);
        expect(worst, name).toBeLessThan(TOLERANCE[of.architecture]);
      }
    } finally {
      await graph.release();
      await fast.release();
    }
  });

  it('has dead features in these steps, so that AuxK is compared', async () => {
    const sae = settings('topk', {});
    const graph = await GraphEngine.create(parts(sae, WIRINGS['same'] as DictionarySites));
    const told = await train(graph, rowsOf(WIRINGS['same'] as DictionarySites));
    expect(told.some(({ dead }) => dead > 0)).toBe(true);
    await graph.release();
  });
});

describe('second moments', () => {
  it('of untouched rows with β1 = 0 are those of dense Adam after 1,000 steps', async () => {
    // Dense Adam is the graph's; the fast step moves touched rows alone.
    const count = 1000;
    const sites = WIRINGS['same'] as DictionarySites;
    const sae = settings('topk', { betas: [0, 0.999], auxK: 0, clipNorm: null, lr: 1e-4, tokens: B * count, k: 1 });
    const given = parts(sae, sites);
    const random = new KeyedRandom('many', 2);
    const [graph, fast] = [await GraphEngine.create(given), await FastEngine.create(given)];
    await graph.begin();
    await fast.begin();
    for (let from = 0; from < count; from += 100) {
      const rows = [Float32Array.from({ length: 100 * B * 10 }, () => random.nextNormal())];
      await graph.train(rows, { from, count: 100 });
      await fast.train(rows, { from, count: 100 });
    }
    for (const name of ['W_enc', 'W_dec', 'b_enc', 'b_dec']) {
      const [a, b] = [await tensorOf(graph, name), await tensorOf(fast, name)];
      const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0);
      // Two trainings whose rounding differs; the optimiser alone is held against dense Adam in adam-of-rows.test.ts.
      expect(worst, name).toBeLessThan(5e-4);
    }
    await graph.release();
    await fast.release();
  });
});
