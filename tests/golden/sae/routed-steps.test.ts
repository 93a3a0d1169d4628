// Routed dictionaries against PyTorch (tests/fixtures/sae-routed/make_sae_routed.py): the route of every row, fifty steps of each frozen
// expert and of experts with a learned router, and what the joined dictionary gives for every row. Losses within 1e-5 relative, in
// float64 within 1e-9, weights within 1e-5.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { asFloat32, asIntegers, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { RoutedDictionary } from '../../../dictionaries/routed.js';
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

it('the steps with a learned router exercise what they prove: a balance term that matters, and dead features', () => {
  const { float32 } = recordingOf({ name: 'learned', folder });
  for (const { sparsity, loss } of float32) expect(sparsity / loss).toBeGreaterThan(0.05);
  expect(float32.filter((step) => step.dead > 0 && step.aux > 0).length).toBeGreaterThan(5);
});

describe('the joined dictionary of frozen experts', () => {
  const routed: Routed = { experts: EXPERTS, kind: 'frozen' };
  const sites = { widths: [RECORDED_WIDTH], reads: [0], writes: [0], routed };
  const x = asFloat32(decodeSafetensors(readFileSync(path.join(SAE, 'data.safetensors'))).get('x') as SafeTensor);
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
