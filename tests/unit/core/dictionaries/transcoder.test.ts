// The frame serves a dictionary that reads one site and writes another: gradients by core/autodiff are the finite differences of
// a float64 implementation, it learns, and it is encoded with x_sq and err_sq of the target, unchanged by the fold to raw units.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { ENCODE_OUTPUTS } from '../../../../core/dictionaries/encode-graph.js';
import { initialParameters } from '../../../../core/dictionaries/initialise.js';
import { checkSites, oneSite } from '../../../../core/dictionaries/sites.js';
import { dictionaryTensors, parametersOf } from '../../../../core/dictionaries/state.js';
import type { StepGraphSettings } from '../../../../core/dictionaries/step-graph.js';
import { foldToRaw } from '../../../../core/dictionaries/units.js';
import { startState, type StateArrays } from '../../../../core/optimise/state.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { TensorValue } from '../../../../runtime/session.js';
import { middleState, runEncoder, runSteps } from './step-run.js';

const [D_IN, D_OUT, F, B, K, K_AUX] = [5, 4, 12, 16, 3, 2];
const V = 3;
const WEIGHT = 1 / 4;
const settings: StepGraphSettings = {
  kind: ARCHITECTURES.topk,
  sites: { widths: [D_IN, D_OUT], reads: [0], writes: [1], skip: true },
  features: F,
  batchRows: B,
  settings: { k: K },
  kAux: K_AUX,
  auxWeight: WEIGHT,
  deadAfterTokens: 64,
  variance: V,
  adam: { betas: [0, 0.999], epsilon: 1e-8 },
  clipNorm: null,
};

/** y = tanh of a mix of x, both with a mean. */
function makeRows(seed: number, rows: number): [Float32Array, Float32Array] {
  const mix = new KeyedRandom('transcoder', 'mix');
  const M = Float64Array.from({ length: D_OUT * D_IN }, () => mix.nextNormal());
  const random = new KeyedRandom('transcoder', 'rows', seed);
  const x = Float32Array.from({ length: rows * D_IN }, () => 0.3 + random.nextNormal());
  const y = new Float32Array(rows * D_OUT);
  for (let b = 0; b < rows; b++)
    for (let i = 0; i < D_OUT; i++) {
      let sum = 0.2;
      for (let j = 0; j < D_IN; j++) sum += (M[i * D_IN + j] as number) * (x[b * D_IN + j] as number);
      y[b * D_OUT + i] = Math.tanh(sum) + 0.5;
    }
  return [x, y];
}

type Arrays = Map<string, Float64Array>;

/** Loss in float64, by loops; `detached` holds r where gradients must not move it. */
function loss(
  p: Arrays,
  [x, y]: readonly Float32Array[],
  detached?: number[][],
): { total: number; residuals: number[][] } {
  const at = (name: string, i: number): number => p.get(name)?.[i] ?? NaN;
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const residuals: number[][] = [];
  let squares = 0;
  let [left, spread] = [0, 0];
  const revived: number[][] = [];
  for (let b = 0; b < B; b++) {
    const input = range(D_IN).map((j) => x?.[b * D_IN + j] ?? NaN);
    const z = range(F).map((i) => input.reduce((sum, v, j) => sum + at('W_enc', i * D_IN + j) * v, at('b_enc', i)));
    const largest = (from: readonly number[], n: number): number[] =>
      [...from]
        .sort((a, c) => (z[c] ?? 0) - (z[a] ?? 0) || a - c)
        .slice(0, n)
        .filter((i) => (z[i] ?? 0) > 0);
    const decode = (fired: readonly number[], o: number): number =>
      fired.reduce((sum, i) => sum + (z[i] ?? 0) * at('W_dec', i * D_OUT + o), 0);
    const fired = largest(range(F), K);
    const r = range(D_OUT).map((o) => {
      const skip = input.reduce((sum, v, j) => sum + at('W_skip', o * D_IN + j) * v, at('b_dec', o));
      return (y?.[b * D_OUT + o] ?? NaN) - decode(fired, o) - skip;
    });
    squares += r.reduce((sum, v) => sum + v * v, 0);
    residuals.push(r);
    const dead = largest(
      range(F).filter((i) => i % 3 === 0),
      K_AUX,
    );
    revived.push(range(D_OUT).map((o) => decode(dead, o)));
  }
  const target = detached ?? residuals;
  for (let o = 0; o < D_OUT; o++) {
    const mean = target.reduce((sum, r) => sum + (r[o] ?? 0), 0) / B;
    target.forEach((r, b) => {
      left += ((r[o] ?? 0) - (revived[b]?.[o] ?? 0)) ** 2;
      spread += ((r[o] ?? 0) - mean) ** 2;
    });
  }
  return { total: squares / (B * V) + (WEIGHT * left) / spread, residuals };
}

const means = [new Float64Array(D_IN).fill(0.3), new Float64Array(D_OUT).fill(0.5)];
const middle = (): StateArrays =>
  middleState(settings, {
    ...{ random: new KeyedRandom('transcoder', 'middle'), by: 0.2, means },
    names: ['W_enc', 'b_enc', 'b_dec', 'W_skip'],
  });

describe('a dictionary that reads one site and writes another', () => {
  it('has gradients by core/autodiff that are finite differences, AuxK and detached residual included', async () => {
    const rows = makeRows(1, B);
    const before = middle();
    const { state, numbers } = await runSteps(settings, before, { rows });
    const p: Arrays = new Map(
      parametersOf(settings).map(({ name }) => [name, Float64Array.from(before.get(name) as Float32Array)]),
    );
    const { total, residuals } = loss(p, rows);
    const number = (name: string): number => numbers[name]?.[0] ?? NaN;
    expect(number('squares') / (B * V) + WEIGHT * number('aux')).toBeCloseTo(total, 5);
    expect(number('aux')).toBeGreaterThan(0);
    for (const { name, shape } of parametersOf(settings)) {
      const values = p.get(name) as Float64Array;
      const differences = values.map((value, i) => {
        const moved = (by: number): number => {
          values[i] = value + by;
          const { total: at } = loss(p, rows, residuals);
          values[i] = value;
          return at;
        };
        return (moved(1e-5) - moved(-1e-5)) / 2e-5;
      });
      const want = name === 'W_dec' ? withoutParallel(differences, values, shape[1] as number) : differences;
      const got = state.get(`m.${name}`) as Float32Array;
      const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      want.forEach((v, i) => expect(Math.abs(v - (got[i] ?? NaN)), `${name}[${i}]`).toBeLessThan(2e-5 * largest));
    }
  });

  it('learns: the error falls by half within 200 steps', async () => {
    const rows = makeRows(2, 200 * B);
    const start = startState(dictionaryTensors(settings), initialParameters(settings, 3, means));
    const { numbers } = await runSteps({ ...settings, adam: { betas: [0.9, 0.999], epsilon: 1e-8 } }, start, {
      rows,
      steps: 200,
    });
    const mean = (from: number): number => (numbers['sse'] ?? []).slice(from, from + 20).reduce((a, b) => a + b) / 20;
    expect(mean(180)).toBeLessThan(0.5 * mean(0));
  });

  it('is encoded with the squares of the target, and the fold by two scales changes no active set and no bit', async () => {
    const [sIn, sOut] = [4, 0.5];
    const [x, y] = makeRows(3, B);
    const trained = new Map(parametersOf(settings).map(({ name }) => [name, middle().get(name) as Float32Array]));
    const raw = foldToRaw(parametersOf(settings), trained, { reads: [sIn], writes: [sOut] });
    const scaled = await runEncoder(settings, trained, [x, y]);
    const stored = await runEncoder(settings, raw, [x.map((v) => v / sIn), y.map((v) => v / sOut)]);
    const of = (outputs: Record<string, TensorValue>, name: string): Float32Array =>
      outputs[name]?.data as Float32Array;
    const { feature, value, xSq, errSq } = ENCODE_OUTPUTS;
    expect(of(stored, feature)).toEqual(of(scaled, feature));
    expect(of(stored, value).map((v) => v * sOut)).toEqual(of(scaled, value));
    expect(of(stored, xSq).map((v) => v * sOut ** 2)).toEqual(of(scaled, xSq));
    expect(of(stored, errSq).map((v) => v * sOut ** 2)).toEqual(of(scaled, errSq));
    const target = Array.from({ length: B }, (_, b) =>
      y.subarray(b * D_OUT, (b + 1) * D_OUT).reduce((s, v) => s + v * v, 0),
    );
    target.forEach((want, b) => expect(of(scaled, xSq)[b]).toBeCloseTo(want, 4));
  });

  it('cannot skip or cross layers with sites that do not allow it', () => {
    expect(() => {
      checkSites({ ...oneSite(4), skip: true });
    }).toThrow(
      'Expected one site to read and another to write for a dictionary with `skip`, found 1 read and 1 written',
    );
    expect(() => {
      checkSites({ widths: [4, 4, 4], reads: [0, 1], writes: [2], crossLayer: true });
    }).toThrow(
      'as many sites to write as to read, two or more, for a dictionary with `crossLayer`, found 2 read and 1',
    );
    expect(() => {
      checkSites({ widths: [4, 4], reads: [0, 0], writes: [1] });
    }).toThrow('each site once among those read');
  });

  it('begins as if the mean of what it reads were subtracted: z of the mean row is 0', () => {
    const start = initialParameters(settings, 3, means);
    const [W, b] = [start.get('W_enc') as Float32Array, start.get('b_enc') as Float32Array];
    b.forEach((bias, i) => {
      const z = W.subarray(i * D_IN, (i + 1) * D_IN).reduce((sum, w) => sum + 0.3 * w, bias);
      expect(Math.abs(z)).toBeLessThan(1e-6);
    });
    expect(start.get('W_skip')?.every((v) => v === 0)).toBe(true);
    expect(Array.from(start.get('b_dec') ?? [])).toEqual([0.5, 0.5, 0.5, 0.5]);
  });
});

function withoutParallel(gradient: Float64Array, rows: Float64Array, width: number): Float64Array {
  return gradient.map((value, at) => {
    const from = at - (at % width);
    const along = rows.subarray(from, from + width).reduce((sum, w, j) => sum + w * (gradient[from + j] ?? 0), 0);
    return value - along * (rows[at] ?? 0);
  });
}
