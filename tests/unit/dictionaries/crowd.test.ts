// Steps in which more fires than pairs have room for (dictionaries/slice/crowd.ts): the same step as that of the differentiated graph,
// and in inference as the same dictionary in slices so small that all of their pairs have room.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { type DictionarySettings, completeSettings } from '../../../core/dictionaries/settings.js';
import { type DictionarySites, totalFeatures } from '../../../core/dictionaries/sites.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import type { EngineParts, TrainingEngine } from '../../../stages/train/engines/engine.js';
import { FastEngine } from '../../../stages/train/engines/fast-engine.js';
import { GraphEngine } from '../../../stages/train/engines/graph-engine.js';

const [B, STEPS] = [22, 4];
/** What a row may have in a slice before it is a crowd (dictionaries/slice/arrays.ts). */
const PAIRS_PER_ROW = 1024;
type Above = 'relu' | 'jumprelu' | 'gated';
const OWN: Readonly<Record<Above, Partial<DictionarySettings>>> = {
  relu: { sparsity: 0.05 },
  jumprelu: { l0: 4 },
  gated: { sparsity: 0.05 },
};
const SAME: DictionarySites = { widths: [10], reads: [0], writes: [0] };
const WIRINGS: Readonly<Record<string, DictionarySites>> = {
  same: SAME,
  'transcoder with skip': { widths: [10, 7], reads: [0], writes: [1], skip: true },
  crosscoder: { widths: [6, 9, 4], reads: [0, 1], writes: [1, 2] },
};

function partsOf(architecture: Above, sites: DictionarySites, more: Partial<DictionarySettings>): EngineParts {
  const sae = completeSettings(
    {
      ...{ architecture, features: 2600, ...OWN[architecture], tokens: B * STEPS, batchRows: B, seed: 3 },
      ...{ lr: 1e-3, warmupSteps: 0, decayFraction: 0, betas: null, epsilon: 1e-8, clipNorm: 0.5 },
      ...{ auxK: null, auxWeight: 1 / 32, deadAfterTokens: 2 * B, logEverySteps: 1, ...more },
    },
    10,
  );
  return {
    shape: { kind: ARCHITECTURES[architecture], sites, features: totalFeatures(sae.features, sites) },
    ...{ sae, variance: 9, scales: sites.widths.map(() => 1) },
    engine: { provider: 'cpu', threads: 1, optimisation: 'all', ort: 'any' },
    means: sites.widths.map((width) => Float64Array.from({ length: width }, (_, i) => 0.1 * i)),
  };
}

const withSlices = (parts: EngineParts, slices: number): EngineParts => ({ ...parts, sae: { ...parts.sae, slices } });

function rowsOf({ widths }: DictionarySites, count: number): Float32Array<ArrayBuffer>[] {
  const random = new KeyedRandom('rows', 1);
  return widths.map((width) => Float32Array.from({ length: count * width }, () => random.nextNormal()));
}

async function tensorOf(engine: TrainingEngine, name: string): Promise<number[]> {
  const tensor = engine.tensors.find((own) => own.name === name);
  const values: number[] = [];
  if (tensor) for await (const part of engine.read(tensor)) values.push(...Array.from(part as Float32Array, Number));
  return values;
}

/** max |a − b| / max |a| */
const gap = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0) /
  a.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);

const CASES = (['relu', 'jumprelu', 'gated'] as const).flatMap((architecture) => [
  ...Object.keys(WIRINGS).map((wiring) => ({ architecture, wiring, slices: 1, more: {} })),
  { architecture, wiring: 'same', slices: 2, more: { features: 5200 } },
  { architecture, wiring: 'same', slices: 1, more: { betas: [0, 0.999] as const, clipNorm: null } },
]);

describe('a step in which more fires than has room', () => {
  it.each(CASES)('trains $architecture, $wiring, in $slices slice(s), $more, as the graph does', async (of) => {
    const sites = WIRINGS[of.wiring] as DictionarySites;
    const parts = partsOf(of.architecture, sites, of.more);
    const rows = rowsOf(sites, STEPS * B);
    const graph = await GraphEngine.create(parts);
    const fast = await FastEngine.create(withSlices(parts, of.slices));
    try {
      await graph.begin();
      await fast.begin();
      const range = { from: 0, count: STEPS };
      const [want, got] = [await graph.train(rows, range), await fast.train(rows, range)];
      expect(got[0]?.l0).toBeGreaterThan(PAIRS_PER_ROW * of.slices);
      for (const [s, step] of want.entries()) {
        expect((got[s]?.loss ?? NaN) / step.loss, `loss ${s}`).toBeCloseTo(1, 5);
        expect(got[s]?.l0, `l0 ${s}`).toBeCloseTo(step.l0, 0);
        expect((got[s]?.gradNorm ?? NaN) / step.gradNorm, `norm ${s}`).toBeCloseTo(1, 4);
      }
      for (const { name, fixed } of parts.shape.kind.parameters(parts.shape))
        if (!fixed) expect(gap(await tensorOf(graph, name), await tensorOf(fast, name)), name).toBeLessThan(1e-4);
    } finally {
      await graph.release();
      await fast.release();
    }
  });

  it('is followed by steps with room, from the same state', async () => {
    // A strong term of sparsity empties the rows while the training goes on.
    const parts = partsOf('relu', SAME, { sparsity: 3, lr: 2e-2, clipNorm: null });
    const rows = rowsOf(SAME, 12 * B);
    const [one, four] = [await FastEngine.create(withSlices(parts, 1)), await FastEngine.create(withSlices(parts, 4))];
    try {
      await one.begin();
      await four.begin();
      const range = { from: 0, count: 12 };
      const [crowded, apart] = [await one.train(rows, range), await four.train(rows, range)];
      expect(crowded[0]?.l0).toBeGreaterThan(PAIRS_PER_ROW);
      expect(crowded.at(-1)?.l0).toBeLessThan(PAIRS_PER_ROW);
      crowded.forEach(({ loss, l0 }, s) => {
        expect(loss / (apart[s]?.loss ?? NaN), `loss ${s}`).toBeCloseTo(1, 4);
        expect(l0 / (apart[s]?.l0 ?? NaN), `l0 ${s}`).toBeCloseTo(1, 2);
      });
    } finally {
      await one.release();
      await four.release();
    }
  });
});

describe('inference in which more fires than has room', () => {
  it.each(['relu', 'jumprelu', 'gated'] as const)('of %s gives what slices with room give', async (architecture) => {
    const parts = partsOf(architecture, SAME, {});
    const act = (rowsOf(SAME, 50)[0] as Float32Array<ArrayBuffer>).slice();
    const calib = { rows: 50, doc: new Uint32Array(50), sites: [{ width: 10, act }] };
    const sums = [];
    for (const slices of [1, 4]) {
      const engine = await FastEngine.create(withSlices(parts, slices));
      await engine.begin();
      sums.push(await engine.measure(calib));
      await engine.release();
    }
    const [one, four] = sums;
    expect((one?.firings ?? 0) / 50).toBeGreaterThan(PAIRS_PER_ROW);
    expect(one?.firings).toBe(four?.firings);
    expect((one?.errSq ?? NaN) / (four?.errSq ?? NaN)).toBeCloseTo(1, 5);
  });
});
