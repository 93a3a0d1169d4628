// Trainings with candidates in 8 bits against exact ones: equal choices, close losses, exact AuxK, recall by brute force, the change to
// exact candidates where they are not good enough or the processor's products are not exact, and the state that goes on from anywhere.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { type DictionarySettings, completeSettings } from '../../../core/dictionaries/settings.js';
import type { DictionarySites } from '../../../core/dictionaries/sites.js';
import type { Slice } from '../../../core/dictionaries/slices.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { IntegerProduct, type IntegerProducts, multipliesExactly } from '../../../dictionaries/integer-product.js';
import { LEAST_RECALL, Recall, WINDOW_STEPS, countFound, rowsToMeasure } from '../../../dictionaries/recall.js';
import { denseDead } from '../../../dictionaries/slice/arrays.js';
import { readTensor } from '../../../dictionaries/state.js';
import { trainingSettings } from '../../../dictionaries/step-settings.js';
import { DictionaryStep } from '../../../dictionaries/step.js';
import type { EngineParts, StateValues, StepTold, TrainingEngine } from '../../../stages/train/engines/engine.js';
import { FastEngine } from '../../../stages/train/engines/fast-engine.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all', ort: 'any' } as const;
const SITE: DictionarySites = { widths: [24], reads: [0], writes: [0] };
const SKIP: DictionarySites = { widths: [24, 10], reads: [0], writes: [1], skip: true };
const B = 48;

interface Asked {
  readonly candidates?: 'int8';
  readonly features?: number;
  readonly sites?: DictionarySites;
  readonly more?: Partial<DictionarySettings>;
}

function parts({ candidates, features = 512, sites = SITE, more }: Asked): EngineParts {
  const sae = completeSettings(
    {
      ...{ architecture: 'topk', features, k: 6, tokens: B * 400, batchRows: B, seed: 3, lr: 2e-3 },
      ...{ warmupSteps: 0, decayFraction: 0, betas: null, epsilon: 1e-8, clipNorm: 0.5, auxK: 12, auxWeight: 1 / 32 },
      ...{ deadAfterTokens: 6 * B, logEverySteps: 1, ...(candidates && { candidates }), ...more },
    },
    sites.widths[0] as number,
  );
  return {
    ...{ shape: { kind: ARCHITECTURES.topk, sites, features }, sae, variance: 9, scales: sites.widths.map(() => 1) },
    engine: ENGINE,
    means: sites.widths.map((width) => new Float64Array(width)),
  };
}

/** Rows of each site for one step. */
function rowsOf(sites: DictionarySites, step: number): Float32Array[] {
  const random = new KeyedRandom('rows', step);
  return sites.widths.map((width) => Float32Array.from({ length: B * width }, () => random.nextNormal()));
}

/** Steps from `from` on; what is told of each. */
async function train(
  engine: TrainingEngine,
  { from = 0, to, sites = SITE }: { readonly from?: number; readonly to: number; readonly sites?: DictionarySites },
): Promise<StepTold[]> {
  const told: StepTold[] = [];
  for (let step = from; step < to; step++)
    told.push(...(await engine.train(rowsOf(sites, step), { from: step, count: 1 })));
  return told;
}

async function stateOf(engine: TrainingEngine): Promise<ReadonlyMap<string, StateValues>> {
  const state = new Map<string, StateValues>();
  for (const tensor of engine.tensors) {
    const chunks: StateValues[] = [];
    for await (const values of engine.read(tensor)) chunks.push(values);
    expect(chunks).toHaveLength(1);
    state.set(tensor.name, chunks[0] as StateValues);
  }
  return state;
}

/** A state is loaded into an engine, as from a checkpoint. */
async function load(engine: TrainingEngine, state: ReadonlyMap<string, StateValues>): Promise<void> {
  await engine.load(({ name, shape }, from, count) => {
    const values = state.get(name) as Float32Array;
    const width = values.length / (shape[0] as number);
    return Promise.resolve(values.slice(from * width, (from + count) * width));
  });
}

/** Sets the rows of encoder and decoder. */
async function setWeights({ links }: DictionaryStep, W: Float32Array, width: number): Promise<void> {
  for (const link of links) {
    const { first, features } = link.settings.slice;
    const data = W.slice(width * first, width * (first + features));
    for (const tensor of ['W_enc', 'W_dec']) await link.write({ tensor, from: 0, count: features, data });
  }
}

/** Of a key. */
const featureOf = (key: bigint): number => Number(~key & 0xffffffffn);

const exactHere = await (async () => {
  const product = await IntegerProduct.create(ENGINE);
  const exact = await multipliesExactly((of) => product.multiply(of));
  await product.release();
  return exact;
})();

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

onThisProcessor('recall', () => {
  it('is what brute force finds on the rows of a step', async () => {
    // Features of two dimensions, so many that 8 bits cannot tell neighbours apart.
    const sites: DictionarySites = { widths: [2], reads: [0], writes: [0] };
    const given = parts({ sites, features: 4096, candidates: 'int8', more: { auxK: 0 } });
    const step = await DictionaryStep.create({ ...trainingSettings({ ...given }), threads: false, slices: 2 });
    const angle = (f: number): number => (2 * Math.PI * f) / 4096;
    const W = Float32Array.from({ length: 4096 * 2 }, (_, i) =>
      i % 2 === 0 ? Math.cos(angle(i / 2)) : Math.sin(angle((i - 1) / 2)),
    );
    await setWeights(step, W, 2);
    const k = given.sae.k as number;
    const [x] = rowsOf(sites, 0) as [Float32Array];
    await step.train({ reads: [x], writes: [x] }, { step: 0, lr: 1e-3 });
    const rows = rowsToMeasure(0, B) as number[];
    let found = 0;
    for (const b of rows) {
      const scores = Array.from({ length: 4096 }, (_, f) => ({
        f,
        z: [0, 1].reduce((sum, j) => sum + (W[2 * f + j] as number) * (x[2 * b + j] as number), 0),
      }));
      const exact = new Set(
        scores
          .sort((p, q) => q.z - p.z || p.f - q.f)
          .slice(0, k)
          .map(({ f }) => f),
      );
      for (const { exchange } of step.links)
        for (const key of exchange.keys.subarray(b * k, b * k + (exchange.filled[b] as number)))
          if (key >= (exchange.least[b] as bigint) && exact.has(featureOf(key))) found++;
    }
    expect(step.recall?.told).toMatchObject({ measured: rows.length * k, missed: rows.length * k - found });
    expect(found).toBeLessThan(rows.length * k);
    for await (const values of readTensor(step, { name: 'fired_step', shape: [4096], type: 'int32' }))
      expect(values.some((last) => last === 0)).toBe(true);
    await step.release();
  });

  it('counts what is chosen among the largest of all slices', () => {
    const key = (value: number, feature: number): bigint => (BigInt(value) << 32n) | BigInt(~feature >>> 0);
    const keys = (...of: bigint[]): BigUint64Array => BigUint64Array.from(of);
    // k = 2, rows 0 and 1 of the batch, row 1 is measured. Exact: features 3 (of 9) and 8 (of 7). Chosen: 3 and 1.
    const first = {
      ...{ keys: keys(0n, 0n, key(9, 3), key(5, 1)), filled: Uint32Array.of(0, 2), least: keys(0n, key(5, 1)) },
      ...{ measuredKeys: keys(key(9, 3), key(5, 1)), measuredFilled: Uint32Array.of(2) },
    };
    const second = {
      ...{ keys: keys(0n, 0n, key(4, 9), 0n), filled: Uint32Array.of(0, 1), least: keys(0n, key(5, 1)) },
      ...{ measuredKeys: keys(key(7, 8), key(4, 9)), measuredFilled: Uint32Array.of(2) },
    };
    expect(countFound([first, second], [1], 2)).toEqual({ found: 1, wanted: 2 });
  });

  it('looks at rows of every fourth step, other ones each time, within the batch', () => {
    expect(rowsToMeasure(1, 2048)).toBeNull();
    expect(rowsToMeasure(0, 2048)).toEqual(Array.from({ length: 16 }, (_, i) => 128 * i));
    expect(rowsToMeasure(8, 2048)).toEqual(Array.from({ length: 16 }, (_, i) => 2 + 128 * i));
    expect(rowsToMeasure(4 * 5, 20)).toEqual(Array.from({ length: 16 }, (_, i) => i));
    expect(rowsToMeasure(0, 3)).toEqual([0, 1, 2]);
    for (let step = 0; step < 4000; step += 4) expect(Math.max(...(rowsToMeasure(step, 100) ?? []))).toBeLessThan(100);
  });

  it('below 99.9 % in a window ends candidates in 8 bits, of windows apart', () => {
    const recall = new Recall();
    recall.note({ found: 9990, wanted: 10_000 });
    recall.endStep(WINDOW_STEPS - 1);
    recall.note({ found: 0, wanted: 0 });
    recall.endStep(WINDOW_STEPS);
    expect(recall.exact).toBe(false);
    // 9,989 of 10,000 in this window, though 19,979 of 20,000 of all are more.
    recall.note({ found: 9989, wanted: 10_000 });
    recall.endStep(2 * WINDOW_STEPS);
    expect(recall.told).toEqual({ recall: 0.99895, measured: 20_000, missed: 21, exactFrom: 128, because: 'recall' });
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

/** As AVX2 without VNNI multiplies: two products are added in 16 bits that saturate. */
function saturating({ weights, inputs, products, features, rows, width }: IntegerProducts): Promise<void> {
  const product = (f: number, j: number, b: number): number =>
    j < width ? (weights[f * width + j] as number) * (inputs[j * rows + b] as number) : 0;
  for (let f = 0; f < features; f++)
    for (let b = 0; b < rows; b++) {
      let sum = 0;
      for (let j = 0; j < width; j += 2)
        sum += Math.max(-32_768, Math.min(32_767, product(f, j, b) + product(f, j + 1, b)));
      products[f * rows + b] = sum;
    }
  return Promise.resolve();
}

describe('a processor whose products of bytes saturate', () => {
  it('is told from one that multiplies exactly', async () => {
    expect(await multipliesExactly(saturating)).toBe(false);
    const exactly = ({ weights, inputs, products, features, rows, width }: IntegerProducts): Promise<void> => {
      for (let f = 0; f < features; f++)
        for (let b = 0; b < rows; b++) {
          products[f * rows + b] = 0;
          for (let j = 0; j < width; j++)
            products[f * rows + b] =
              (products[f * rows + b] as number) +
              (weights[f * width + j] as number) * (inputs[j * rows + b] as number);
        }
      return Promise.resolve();
    };
    expect(await multipliesExactly(exactly)).toBe(true);
  });

  it('trains with exact candidates from the first step on, and says so', async () => {
    const given = parts({ candidates: 'int8', features: 128 });
    const { candidates: _, ...exactSettings } = trainingSettings(given);
    const refused = await DictionaryStep.create({ ...trainingSettings(given), threads: false }, () =>
      multipliesExactly(saturating),
    );
    const exact = await DictionaryStep.create({ ...exactSettings, threads: false });
    for (const step of [0, 1, 2, 3, 4]) {
      const batch = { reads: rowsOf(SITE, step), writes: rowsOf(SITE, step) };
      expect(await refused.train(batch, { step, lr: 1e-3 })).toEqual(await exact.train(batch, { step, lr: 1e-3 }));
    }
    expect(refused.recall?.told).toEqual({ recall: null, measured: 0, missed: 0, exactFrom: 0, because: 'processor' });
    expect(exact.recall).toBeNull();
    await refused.release();
    await exact.release();
  });
});
