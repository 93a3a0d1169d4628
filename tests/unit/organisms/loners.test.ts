// Features that stand alone fire with exactly their own chance given the row's common factors, whether found by jumps or by lift.
import { expect, it } from 'vitest';
import { normalCdf } from '../../../core/statistics/normal.js';
import { multiplyPlainly } from '../../../core/tensor/matrix.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { Loners } from '../../../organisms/synthetic/bench/loners.js';
import { growForest } from '../../../organisms/synthetic/bench/forest.js';
import { firingModel } from '../../../organisms/synthetic/bench/model.js';
import { synthBenchOf } from '../../../organisms/synthetic/bench/settings.js';

it('each fires with its chance, from one in a thousand to almost always, and independently of its neighbour', async () => {
  const settings = { ...synthBenchOf({ features: 70 }), hierarchy: { roots: 2, branching: 2, depth: 1 } };
  const model = firingModel(settings);
  const { treed } = growForest(settings);
  // Thresholds that put chances on both sides of the level at which the two ways meet.
  const thresholds = model.thresholds.map((_, i) => 3 - (4.5 * (i - treed)) / (70 - treed));
  const random = new KeyedRandom('loners');
  const epsilon = Float64Array.from({ length: settings.correlation.rank }, () => random.nextNormal());
  const loners = new Loners({ ...model, thresholds });
  const block = { data: Float32Array.from(epsilon), rows: 1, columns: epsilon.length };
  const lifted = await loners.findLifted(block, multiplyPlainly);
  const rows = 40_000;
  const counts = new Float64Array(70);
  let both = 0;
  for (let row = 0; row < rows; row++) {
    const fired = new Set<number>();
    loners.draw(epsilon, lifted.feature, { random, fire: (feature) => fired.add(feature) });
    for (const feature of fired) counts[feature] = (counts[feature] as number) + 1;
    if (fired.has(60) && fired.has(61)) both++;
  }
  const chances = Array.from({ length: 70 }, (_, i) => {
    const row = model.factors.subarray(i * epsilon.length, (i + 1) * epsilon.length);
    const common = row.reduce((sum, value, k) => sum + value * (epsilon[k] as number), 0);
    return normalCdf((common - (thresholds[i] as number)) / (model.own[i] as number));
  });
  for (let i = treed; i < 70; i++) {
    const chance = chances[i] as number;
    const error = Math.sqrt((chance * (1 - chance)) / rows);
    expect(Math.abs((counts[i] as number) / rows - chance) / error, `feature ${i}, chance ${chance}`).toBeLessThan(4);
  }
  expect(Math.min(...chances.slice(treed))).toBeLessThan(0.004);
  expect(Math.max(...chances)).toBeGreaterThan(0.5);
  const together = (chances[60] as number) * (chances[61] as number);
  expect(Math.abs(both / rows - together)).toBeLessThan(4 * Math.sqrt(together / rows));
  expect(counts.slice(0, treed).some((count) => count > 0)).toBe(false);
});
