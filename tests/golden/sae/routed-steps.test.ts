// Routed dictionaries against PyTorch (tests/fixtures/sae-routed/make_sae_routed.py): the route of every row, fifty steps of each frozen
// expert and of experts with a learned router, and what the joined dictionary gives for every row. Losses within 1e-5 relative, in
// float64 within 1e-9, weights within 1e-5.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { asFloat32, asIntegers, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { parametersOf } from '../../../core/dictionaries/state.js';
import { RoutedDictionary } from '../../../dictionaries/routed.js';
import { FastEngine } from '../../../stages/train/engines/fast-engine.js';
import type { Routed } from '../../../schemas/dictionaries.js';
import { FIXTURES, SAE } from '../../harness/fixtures.js';
import {
  EXACT,
  FLOAT64,
  RECORDED_WIDTH,
  WAYS,
  expectRecorded,
  recipeOf,
  recordingOf,
  runSteps,
  type Recipe,
} from './recorded-steps.js';

const folder = path.join(FIXTURES, 'sae-routed');
const [EXPERTS, K, STEPS, B] = [4, 4, 50, 64];
const joined = decodeSafetensors(readFileSync(path.join(folder, 'joined.safetensors')));
const tensor = (name: string): SafeTensor => joined.get(name) as SafeTensor;
const expert = asIntegers(tensor('expert'));
const [N, FEATURES] = [expert.length, 128];
const x = asFloat32(decodeSafetensors(readFileSync(path.join(SAE, 'data.safetensors'))).get('x') as SafeTensor);

/** Whole batches of an expert's rows, from the start again where they end. */
function rowsOf(own: number): number[] {
  const rows = expert.flatMap((e, row) => (e === own ? [row] : []));
  const whole = Math.floor(rows.length / B) * B;
  return Array.from({ length: STEPS * B }, (_, i) => rows[i % whole] as number);
}

const topk = { ...recipeOf('topk', { k: K }, { kAux: 16 }), folder };
const CASES: readonly Recipe[] = [
  ...Array.from({ length: EXPERTS }, (_, e) => ({
    ...topk,
    ...{ name: `frozen-${e}`, features: FEATURES / EXPERTS, picked: rowsOf(e) },
  })),
  {
    ...topk,
    name: 'learned',
    sites: { ...topk.sites, routed: { experts: EXPERTS, kind: 'learned', balance: 0.05 } },
  },
];

describe.each(CASES)('fifty steps of $name recorded from PyTorch', (recipe) => {
  it.each(WAYS)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(recipe, await runSteps(recipe, way));
    },
  );

  it('have the float64 losses when the same graph is built in float64', async () => {
    expectRecorded(recipe, await runSteps(recipe, FLOAT64), { tolerance: EXACT, float: 'float64' });
  });
});

describe.each(Array.from({ length: EXPERTS }, (_, e) => e))('fifty steps of frozen expert %i', (e) => {
  it('are reproduced by the fast step, which trains it', async () => {
    const name = `frozen-${e}`;
    const recorded = recordingOf({ name, folder });
    const weights = decodeSafetensors(readFileSync(path.join(folder, `${name}.safetensors`)));
    const features = FEATURES / EXPERTS;
    const shape = { kind: ARCHITECTURES.topk, sites: oneSite(RECORDED_WIDTH), features };
    const engine = await FastEngine.create({
      ...{ shape, variance: recorded.V, scales: [1], means: [new Float64Array(RECORDED_WIDTH)] },
      engine: { provider: 'cpu', threads: 1, optimisation: 'all', ort: '' },
      sae: {
        ...{ architecture: 'topk', features, k: K, tokens: STEPS * B, batchRows: B, lr: 1e-3, warmupSteps: 0 },
        ...{ decayFraction: 0, betas: [0.9, 0.999], epsilon: 1e-8, clipNorm: null, auxK: 16, auxWeight: 1 / 32 },
        ...{ deadAfterTokens: 256, logEverySteps: 1, seed: 0 },
      },
    });
    await engine.loadParameters((tensor_, from, count) => {
      const own = weights.get(`init.${tensor_}`) as SafeTensor;
      const width = own.shape.slice(1).reduce((a, b) => a * b, 1);
      return asFloat32(own).slice(from * width, (from + count) * width);
    });
    const batches = new Float32Array(STEPS * B * RECORDED_WIDTH);
    rowsOf(e).forEach((row, i) => {
      batches.set(x.subarray(row * RECORDED_WIDTH, (row + 1) * RECORDED_WIDTH), i * RECORDED_WIDTH);
    });
    const told = await engine.train([batches], { from: 0, count: STEPS });
    recorded.float32.forEach(({ loss, l0 }, step) => {
      expect(Math.abs((told[step]?.loss ?? NaN) - loss) / loss).toBeLessThan(1e-5);
      expect(told[step]?.l0).toBe(l0);
    });
    for (const { name: own, shape: axes } of parametersOf(shape)) {
      const want = asFloat32(weights.get(`final.${own}`) as SafeTensor);
      const got: number[] = [];
      for await (const rows of engine.read({ name: own, shape: axes, type: 'float32' }))
        got.push(...(rows as Float32Array));
      const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = want.reduce((most, value, i) => Math.max(most, Math.abs(value - (got[i] ?? NaN))), 0);
      expect(worst / largest, own).toBeLessThan(1e-5);
    }
    await engine.release();
  });
});

it('the steps with a learned router exercise what they prove: a balance term that matters, and dead features', () => {
  const { float32 } = recordingOf({ name: 'learned', folder });
  for (const { sparsity, loss } of float32) expect(sparsity / loss).toBeGreaterThan(0.05);
  expect(float32.filter((step) => step.dead > 0 && step.aux > 0).length).toBeGreaterThan(5);
});

describe('the joined dictionary of frozen experts', () => {
  const routed: Routed = { experts: EXPERTS, kind: 'frozen' };
  const sites = { widths: [RECORDED_WIDTH], reads: [0], writes: [0], routed };
  let dictionary: RoutedDictionary;
  beforeAll(async () => {
    dictionary = await RoutedDictionary.open(
      {
        shape: { kind: ARCHITECTURES.topk, sites, features: FEATURES },
        ...{ architecture: 'topk', settings: { k: K }, batchRows: N, engine: { threads: 1, optimisation: 'all' } },
      },
      (name, from, count) => {
        const width = tensor(name)
          .shape.slice(1)
          .reduce((a, b) => a * b, 1);
        return Promise.resolve(asFloat32(tensor(name)).slice(from * width, (from + count) * width));
      },
    );
    return () => dictionary.release();
  });

  it('routes every row as recorded', async () => {
    expect([...(await dictionary.route(x)).expert]).toEqual(expert);
  });

  it('has the recorded features, values and errors for every row', async () => {
    const { firing, squares } = await dictionary.apply({ reads: [x], writes: [x] });
    const [{ offsets, feature, value }] = firing as [(typeof firing)[number]];
    const [ids, values, err] = [asIntegers(tensor('ids')), asFloat32(tensor('values')), asFloat32(tensor('err_sq'))];
    for (let row = 0; row < N; row++) {
      const [from, to] = [offsets[row] as number, offsets[row + 1] as number];
      expect([...feature.subarray(from, to)]).toEqual(ids.slice(row * K, (row + 1) * K).filter((id) => id >= 0));
      for (let p = from; p < to; p++)
        expect(Math.abs((value[p] as number) - (values[row * K + p - from] as number))).toBeLessThan(1e-5);
      expect(Math.abs((squares[row] as number) - (err[row] as number))).toBeLessThan(1e-5 * (err[row] as number));
    }
  });
});
