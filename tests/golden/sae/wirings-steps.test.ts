// Fifty steps of crosscoders and cross-layer transcoders recorded from PyTorch (tests/fixtures/sae-wirings/make_sae_wirings.py)
// against our step graph: losses within 1e-5 relative (batchtopk 5e-5), in float64 within 1e-9, final weights as for one site.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURES } from '../../harness/fixtures.js';
import {
  EXACT,
  FLOAT64,
  NEAR_TIES,
  ROUNDING,
  WAYS,
  expectRecorded,
  recipeOf,
  recordingOf,
  runSteps,
  type Recipe,
} from './recorded-steps.js';

const folder = path.join(FIXTURES, 'sae-wirings');
const common = { folder, rows: ['x', 'y'], features: 128 };
const crosscoder = { ...common, sites: { widths: [32, 32], reads: [0, 1], writes: [0, 1] } };
const crossLayer = { ...common, sites: { widths: [32, 32], reads: [0, 1], writes: [1, 0], crossLayer: true as const } };

const CASES: readonly { readonly recipe: Recipe; readonly tolerance: typeof ROUNDING }[] = [
  {
    recipe: { ...recipeOf('batchtopk', { k: 4 }, { kAux: 16 }), ...crosscoder, name: 'lists-batchtopk' },
    tolerance: NEAR_TIES,
  },
  { recipe: { ...recipeOf('relu', { sparsity: 0.02 }), ...crosscoder, name: 'lists-relu' }, tolerance: ROUNDING },
  {
    recipe: { ...recipeOf('topk', { k: 4 }, { kAux: 16 }), ...crossLayer, name: 'crossLayer-topk' },
    tolerance: ROUNDING,
  },
  {
    recipe: {
      ...recipeOf('jumprelu', { l0: 6, bandwidth: 0.1, threshold: 0.1 }, { betas: [0, 0.999] }),
      ...{ ...crossLayer, name: 'crossLayer-jumprelu' },
    },
    tolerance: ROUNDING,
  },
];

describe.each(CASES)('fifty steps of $recipe.name recorded from PyTorch', ({ recipe, tolerance }) => {
  it.each(WAYS)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async (way) => {
      expectRecorded(recipe, await runSteps(recipe, way), { tolerance });
    },
  );

  it('have the float64 losses when the same graph is built in float64', async () => {
    expectRecorded(recipe, await runSteps(recipe, FLOAT64), { tolerance: EXACT, float: 'float64' });
  });

  it('exercise what they prove: a penalty that matters, or dead features to revive', () => {
    const { float32 } = recordingOf(recipe);
    if (recipe.kAux > 0) expect(float32.filter((step) => step.dead > 0 && step.aux > 0).length).toBeGreaterThan(10);
    else for (const { sparsity, loss } of float32) expect(sparsity / loss).toBeGreaterThan(0.01);
  });
});
