// Properties of the autoencoder graphs on small inputs: ties, thread-safe sums, clipping, AuxK's limits.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { initialParameters } from '../../../../core/dictionaries/initialise.js';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { SINCE_FIRED, dictionaryTensors } from '../../../../core/dictionaries/state.js';
import type { StepGraphSettings } from '../../../../core/dictionaries/step-graph.js';
import { Tape } from '../../../../core/dictionaries/tape.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { startState, type StateArrays } from '../../../../core/optimise/state.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { Session } from '../../../../runtime/session.js';
import { runSteps } from './step-run.js';

const WIDTH = 8;
const base: StepGraphSettings = {
  kind: ARCHITECTURES.topk,
  sites: oneSite(WIDTH),
  features: 32,
  batchRows: 16,
  settings: { k: 3 },
  kAux: 4,
  auxWeight: 1 / 32,
  deadAfterTokens: 32,
  variance: 8,
  adam: { betas: [0.9, 0.999], epsilon: 1e-8 },
  clipNorm: null,
};
async function step(
  settings: StepGraphSettings,
  change: (state: Map<string, Float32Array | BigInt64Array>) => void = () => undefined,
  threads = 1,
): Promise<{ state: StateArrays; numbers: Record<string, number>; before: StateArrays }> {
  const random = new KeyedRandom('graphs');
  const before = startState(dictionaryTensors(settings), initialParameters(settings, 1, [new Float64Array(WIDTH)]));
  change(before);
  const rows = [Float32Array.from({ length: settings.batchRows * WIDTH }, () => random.nextNormal())];
  const { state, numbers } = await runSteps(settings, before, { rows, threads });
  const first = Object.entries(numbers).map(([name, values]) => [name, values[0] ?? NaN]);
  return { before, state, numbers: Object.fromEntries(first) as Record<string, number> };
}

const norm = (...arrays: readonly (Float32Array | BigInt64Array | undefined)[]): number =>
  Math.sqrt(arrays.reduce((sum, array) => sum + (array as Float32Array).reduce((a, b) => a + b * b, 0), 0));

describe('selection', () => {
  it.each([
    [8, 3],
    [300, 16],
    [2048, 16],
    [2048, 200],
  ])('of the largest of %d equal values takes the %d lowest feature ids', async (features, k) => {
    const g = new GraphBuilder('ties');
    // z = x as it stands: the unit matrix as encoder, no biases.
    const x = g.input('x', 'float32', [2, features]);
    const parameters = Object.fromEntries(
      ['W_enc', 'b_enc', 'W_dec', 'b_dec'].map((name) => [
        name,
        g.input(name, 'float32', name.startsWith('W') ? [features, features] : [features]),
      ]),
    );
    const { f: selection } = ARCHITECTURES.topk.buildInference(new Tape(g), {
      ...{ sites: oneSite(features), features, batchRows: 2, settings: { k } },
      ...{ reads: [x], writes: [x], parameters },
    });
    if (selection.layout !== 'pairs') throw new Error('topk selects pairs');
    g.output(selection.feature, 'feature');
    const session = await Session.create(g.toModelBytes(), {
      provider: 'cpu',
      threads: 2,
      optimisation: 'all',
    });
    // Row 0: all equal. Row 1: the last one is larger, so it comes first and the lowest of the rest follow.
    const data = new Float32Array(2 * features).fill(1);
    data[2 * features - 1] = 2;
    const matrix = new Float32Array(features * features).map((_, i) => (i % (features + 1) === 0 ? 1 : 0));
    const [square, line] = [
      { dtype: 'float32', dims: [features, features], data: matrix },
      { dtype: 'float32', dims: [features], data: new Float32Array(features) },
    ] as const;
    const weights = { W_enc: square, b_enc: line, W_dec: square, b_dec: line };
    const outputs = await session.run({ ...weights, x: { dtype: 'float32', dims: [2, features], data } });
    const ids = outputs['feature']?.data as BigInt64Array;
    await session.release();
    expect(Array.from(ids.subarray(0, k), Number)).toEqual(Array.from({ length: k }, (_, i) => i));
    expect(Array.from(ids.subarray(k), Number)).toEqual([features - 1, ...Array.from({ length: k - 1 }, (_, i) => i)]);
  });
});

describe('a training step', () => {
  it('gives the same gradients with one thread and with several', async () => {
    const rows = await step(base);
    const dense = await step(base, undefined, 3);
    for (const name of ['m.W_enc', 'm.W_dec', 'm.b_enc', 'm.b_dec']) {
      const [a, b] = [rows.state.get(name) as Float32Array, dense.state.get(name) as Float32Array];
      const largest = Math.max(...a.map(Math.abs));
      a.forEach((value, i) => expect(Math.abs(value - (b[i] ?? NaN))).toBeLessThan(1e-6 * largest));
    }
  });

  it('keeps decoder rows at unit norm and takes no step along them', async () => {
    const { state, before } = await step(base);
    const [W, old, m] = ['W_dec', 'W_dec', 'm.W_dec'].map(
      (name, i) => (i === 1 ? before : state).get(name) as Float32Array,
    );
    for (let i = 0; i < base.features; i++) {
      const row = (values: Float32Array | undefined): number[] => [...(values ?? []).slice(8 * i, 8 * i + 8)];
      expect(Math.hypot(...row(W))).toBeCloseTo(1, 6);
      expect(row(m).reduce((sum, value, j) => sum + value * (row(old)[j] ?? 0), 0)).toBeCloseTo(0, 6);
    }
  });

  it('clips the global norm of all gradients and reports it unclipped', async () => {
    const free = await step(base);
    const clipNorm = 0.25 * Math.sqrt(free.numbers['gradient_squares'] ?? 0);
    const clipped = await step({ ...base, clipNorm });
    expect(clipped.numbers['gradient_squares']).toBe(free.numbers['gradient_squares']);
    const moments = (state: StateArrays): number =>
      norm(...['W_enc', 'b_enc', 'W_dec', 'b_dec'].map((name) => state.get(`m.${name}`)));
    // After one step m = 0.1 g.
    expect(moments(free.state)).toBeCloseTo(0.1 * Math.sqrt(free.numbers['gradient_squares'] ?? 0), 6);
    expect(moments(clipped.state)).toBeCloseTo(0.1 * clipNorm, 5);
  });

  it('counts rows since a feature fired and starts anew when it fires', async () => {
    const { state, numbers } = await step(base, (start) => start.get(SINCE_FIRED)?.fill(5n as never));
    const since = Array.from(state.get(SINCE_FIRED) as BigInt64Array, Number);
    expect(new Set(since)).toEqual(new Set([0, 21]));
    expect(numbers['dead']).toBe(0);
    expect(numbers['firings']).toBeLessThanOrEqual(48);
  });

  it('revives through AuxK only dead features, and all of them when fewer than k_aux are dead', async () => {
    const dead = [3, 7];
    const silence = (start: Map<string, Float32Array | BigInt64Array>): void => {
      for (const i of dead) (start.get(SINCE_FIRED) as BigInt64Array)[i] = 32n;
      (start.get('b_enc') as Float32Array).fill(10); // every feature would fire; dead ones lose the choice
      for (const i of dead) (start.get('b_enc') as Float32Array)[i] = 1;
    };
    const with_ = await step(base, silence);
    const without = await step({ ...base, kAux: 0 }, silence);
    expect(with_.numbers['dead']).toBe(2);
    expect(with_.numbers['aux']).toBeGreaterThan(0);
    expect(without.numbers['aux']).toBe(0);
    const rowNorm = (state: StateArrays, i: number): number =>
      norm((state.get('m.W_enc') as Float32Array).subarray(8 * i, 8 * i + 8));
    for (const i of dead) {
      expect(rowNorm(without.state, i)).toBe(0);
      expect(rowNorm(with_.state, i)).toBeGreaterThan(0);
    }
    for (const i of [0, 1, 2, 4]) expect(rowNorm(with_.state, i)).toBe(rowNorm(without.state, i));
  });

  it('does not let AuxK move the target: the residual is detached and b_dec is not counted twice', async () => {
    // One row, one dead feature: ê = f W_dec[D]; ∂aux/∂b_dec comes through the encoder alone, −W_enc[D] ∂b_enc[D].
    const settings = { ...base, batchRows: 4 };
    const silence = (start: Map<string, Float32Array | BigInt64Array>): void => {
      (start.get(SINCE_FIRED) as BigInt64Array)[5] = 32n;
      (start.get('b_enc') as Float32Array)[5] = 0.9;
      (start.get('b_enc') as Float32Array).forEach((_, i, b) => (b[i] = i === 5 ? 0.9 : 10));
    };
    const [a, b] = [await step(settings, silence), await step({ ...settings, kAux: 0 }, silence)];
    const difference = (name: string): number[] =>
      [...(a.state.get(name) as Float32Array)].map(
        (value, i) => (value - ((b.state.get(name) as Float32Array)[i] ?? 0)) / 0.1,
      );
    const dbEnc = difference('m.b_enc')[5] ?? NaN;
    const W = (a.before.get('W_enc') as Float32Array).subarray(40, 48);
    expect(dbEnc).not.toBe(0);
    difference('m.b_dec').forEach((value, j) => expect(value).toBeCloseTo(-dbEnc * (W[j] ?? NaN), 5));
  });
});
