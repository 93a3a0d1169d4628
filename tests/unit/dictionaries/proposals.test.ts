// Trainings with candidates in 8 bits against exact ones: equal choices, close losses, exact AuxK, and the change to exact candidates where they are not good enough,
// with the state that goes on from anywhere.
import { describe, expect, it } from 'vitest';
import type { DictionarySites } from '../../../core/dictionaries/sites.js';
import type { Slice } from '../../../core/dictionaries/slices.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { LEAST_RECALL, WINDOW_STEPS } from '../../../dictionaries/recall.js';
import { denseDead } from '../../../dictionaries/slice/arrays.js';
import { trainingSettings } from '../../../dictionaries/step-settings.js';
import { DictionaryStep } from '../../../dictionaries/step.js';
import { FastEngine } from '../../../stages/train/engines/fast-engine.js';
import {
  SITE,
  SKIP,
  B,
  featureOf,
  exactHere,
  parts,
  rowsOf,
  train,
  stateOf,
  load,
  setWeights,
  type Asked,
} from './int8-training.js';

/** Where products of bytes saturate these trainings have exact candidates, and there is nothing to compare. */
const onThisProcessor = describe.runIf(exactHere);

onThisProcessor('a training with candidates in 8 bits', () => {
  it.each([
    { name: 'of one site', sites: SITE, more: {} },
    { name: 'of two sites with skip', sites: SKIP, more: {} },
    { name: 'where untouched rows stay', sites: SITE, more: { betas: [0, 0.999] as const } },
    { name: 'in two slices', sites: SITE, more: { slices: 2 } },
    { name: 'with a moment for a row', sites: SITE, more: { moments: 'row' as const } },
  ])('$name is close to an exact one over 80 steps', async ({ sites, more }) => {
    const exact = await FastEngine.create(parts({ sites, more }));
    const int8 = await FastEngine.create(parts({ sites, more, candidates: 'int8' }));
    try {
      await exact.begin();
      await int8.begin();
      const [want, got] = [await train(exact, { to: 80, sites }), await train(int8, { to: 80, sites })];
      expect(want.some(({ dead }) => dead > 0)).toBe(true);
      got.forEach((step, s) => {
        expect(step.loss / (want[s]?.loss ?? NaN), `loss ${s}`).toBeCloseTo(1, 3);
        expect(step.l0, `l0 ${s}`).toBeCloseTo(want[s]?.l0 ?? NaN, 1);
      });
      const { recall, measured, exactFrom } = int8.recall ?? {};
      // 20 of 80 steps, 16 rows, k of each.
      expect(measured).toBe(20 * 16 * (parts({ sites, more }).sae.k ?? 0));
      expect(recall).toBeGreaterThanOrEqual(LEAST_RECALL);
      expect(exactFrom).toBeNull();
      // What fired last when is what the exact training says, but for choices that were missed.
      const [a, b] = [await stateOf(exact), await stateOf(int8)];
      const fired = b.get('fired_step') as Int32Array;
      const same = fired.filter((step, i) => step === (a.get('fired_step') as Int32Array)[i]).length;
      expect(same / fired.length).toBeGreaterThan(0.98);
    } finally {
      await exact.release();
      await int8.release();
    }
  });

  it.each([
    { dead: 'few dead features, multiplied whole', auxK: 40 },
    { dead: 'more dead features than are multiplied whole', auxK: 3 },
  ])('proposes what exact scores do, at 30 states of a training with $dead', async ({ auxK }) => {
    const given = parts({ candidates: 'int8', more: { auxK } });
    const step = await DictionaryStep.create({ ...trainingSettings(given), threads: false, slices: 2 });
    const random = new KeyedRandom('weights');
    await setWeights(
      step,
      Float32Array.from({ length: 512 * 24 }, () => 0.2 * random.nextNormal()),
      24,
    );
    const keysOf = (keys: BigUint64Array, filled: Uint32Array): Set<number>[] => {
      const each = keys.length / filled.length;
      return Array.from(filled, (n, b) => new Set([...keys.subarray(b * each, b * each + n)].map(featureOf)));
    };
    let [same, all, aux, most] = [0, 0, 0, 0];
    for (let s = 0; s < 30; s++) {
      const [x] = rowsOf(SITE, s) as [Float32Array];
      await step.train({ reads: [x], writes: [x] }, { step: s, lr: 2e-3 });
      for (const link of step.links) {
        const { exchange } = link;
        const found = async (quantised: boolean): Promise<Set<number>[][]> => {
          most = Math.max(most, await link.choose(s - 6, quantised));
          const { keys, filled, auxKeys, auxFilled } = exchange;
          return [keysOf(keys, filled), keysOf(auxKeys, auxFilled)];
        };
        const [exact = [], exactAux = []] = await found(false);
        const [got = [], gotAux = []] = await found(true);
        exact.forEach((features, b) => {
          all += features.size;
          same += [...features].filter((feature) => got[b]?.has(feature)).length;
        });
        // Dead features have exact scores, but for the order of sums.
        expect(gotAux).toEqual(exactAux);
        aux += exactAux.reduce((n, { size }) => n + size, 0);
      }
    }
    expect(all).toBe(30 * 2 * B * 6);
    expect(same / all).toBeGreaterThanOrEqual(LEAST_RECALL);
    expect(aux).toBeGreaterThan(1000);
    expect(most > denseDead({ kAux: auxK, slice: step.links[0]?.settings.slice as Slice })).toBe(auxK === 3);
    await step.release();
  });

  it('quantises weights that were set: a loaded state is trained as if it had never been stored', async () => {
    const given = parts({ candidates: 'int8', more: { betas: [0, 0.999] } });
    const [whole, other] = [await FastEngine.create(given), await FastEngine.create(given)];
    await whole.begin();
    await train(whole, { to: 21 });
    await other.begin();
    await train(other, { to: 5 });
    await load(other, await stateOf(whole));
    await train(whole, { from: 21, to: 50 });
    await train(other, { from: 21, to: 50 });
    expect(await stateOf(other)).toEqual(await stateOf(whole));
    await whole.release();
    await other.release();
  });
});

/** Rows of two numbers, of which a dictionary of thousands of features cannot tell neighbours by 8 bits. */
const CROWDED: Asked = {
  ...{ sites: { widths: [2], reads: [0], writes: [0] }, features: 4096, candidates: 'int8' },
  more: { auxK: 0, k: 4 },
};
const CROWDED_SITES = { sites: CROWDED.sites as DictionarySites };

onThisProcessor('where candidates are not good enough', () => {
  it('a training is exact from the end of the window on, and goes on so from its state', async () => {
    const engine = await FastEngine.create(parts(CROWDED));
    await engine.begin();
    await train(engine, { to: WINDOW_STEPS - 1, ...CROWDED_SITES });
    expect(engine.recall?.exactFrom).toBeNull();
    expect(engine.recall?.recall).toBeLessThan(LEAST_RECALL);
    const before = await stateOf(engine);
    await train(engine, { from: WINDOW_STEPS - 1, to: WINDOW_STEPS, ...CROWDED_SITES });
    expect(engine.recall).toMatchObject({ exactFrom: WINDOW_STEPS, because: 'recall' });
    const after = await stateOf(engine);
    await train(engine, { from: WINDOW_STEPS, to: WINDOW_STEPS + 20, ...CROWDED_SITES });
    const end = await stateOf(engine);
    await engine.release();

    for (const [state, from] of [
      [before, WINDOW_STEPS - 1],
      [after, WINDOW_STEPS],
    ] as const) {
      const other = await FastEngine.create(parts(CROWDED));
      await load(other, state);
      await train(other, { from, to: WINDOW_STEPS + 20, ...CROWDED_SITES });
      expect(await stateOf(other)).toEqual(end);
      await other.release();
    }
    const { candidates: _, ...asked } = CROWDED;
    const exact = await FastEngine.create(parts(asked));
    await load(exact, after);
    await train(exact, { from: WINDOW_STEPS, to: WINDOW_STEPS + 20, ...CROWDED_SITES });
    for (const [name, values] of await stateOf(exact)) expect(values, name).toEqual(end.get(name));
    await exact.release();
  });
});
