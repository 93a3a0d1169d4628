// The optimiser of a slice (dictionaries/slice/moves.ts over kernels/update.ts) against dense Adam in float64, over 1,000 steps of a
// recorded random process: rows are touched from every second step to about twice in all, and nothing is selected between steps, so
// that what is compared is the optimiser alone. The reference moves every row of every tensor in every step.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { planSlices, type Slice } from '../../../core/dictionaries/slices.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { bytesOfSlice, layOut, type SliceArrays } from '../../../dictionaries/slice/arrays.js';
import { SliceMoves } from '../../../dictionaries/slice/moves.js';
import { SliceSlopes } from '../../../dictionaries/slice/slopes.js';
import type { SliceSettings } from '../../../dictionaries/slice/settings.js';
import { rulesFor } from '../../../dictionaries/slice/thread-messages.js';
import { Kernels } from '../../../runtime/kernels/kernels.js';

const [STEPS, F, D, B, K, EPSILON, CLIP] = [1000, 48, 10, 6, 8, 1e-8, 0.6];
/** With β1 = 0 a row rounds when it is touched. With β1 > 0 all rows move in all steps, and float32 rounds them in all: weights near 1 by up to 2⁻²⁵ a step and, where rows are brought to norm 1, twice; over 1,000 steps three deviations are 3 √2000 2⁻²⁵ / √3 = 2.3e-6. */
const within = ({ beta1 }: Pick<Case, 'beta1'>): number => (beta1 === 0 ? 1e-6 : 4e-6);

interface Case {
  readonly beta1: number;
  readonly unit: boolean;
  readonly clips: boolean;
  readonly moments: 'full' | 'row';
}

const CASES: readonly Case[] = [0, 0.9].flatMap((beta1) =>
  [true, false].flatMap((unit) =>
    [true, false].flatMap((clips) => (['full', 'row'] as const).map((moments) => ({ beta1, unit, clips, moments }))),
  ),
);

/** One step's gradients: row `pair.row` of `lines` times `pair.weight`, summed by feature; the same numbers for both sides. */
interface Step {
  readonly touched: readonly number[];
  /** Rows of x' or of g that a touched feature has. */
  readonly pairs: readonly (readonly { readonly row: number; readonly slope: number; readonly value: number }[])[];
  readonly inputs: Float32Array;
  readonly gradients: Float32Array;
  readonly bias: Float32Array;
  readonly lr: number;
}

/** Features are touched with probability 0.5 … 0.002. */
function recorded(stride: number): Step[] {
  const random = new KeyedRandom('adam of rows');
  const normals = (n: number, by = 1): Float32Array => Float32Array.from({ length: n }, () => by * random.nextNormal());
  const rows = (): Float32Array => normals(B * stride).map((value, i) => (i % stride < D ? value : 0));
  return Array.from({ length: STEPS }, (_, step) => {
    const touched = Array.from({ length: F }, (_unused, f) => f).filter(
      (f) => random.nextFloat() < 0.5 * 250 ** (-f / (F - 1)),
    );
    const pairs = touched.map(() =>
      Array.from({ length: 1 + random.nextInt(3) }, (_unused, p) => ({
        row: (2 * p + random.nextInt(2)) % B,
        slope: Math.fround(0.1 * random.nextNormal()),
        value: Math.fround(random.nextFloat()),
      })),
    );
    const bias = new Float32Array(F);
    touched.forEach((f, t) => (bias[f] = (pairs[t] ?? []).reduce((sum, { slope }) => sum + slope, 0)));
    return {
      touched,
      pairs,
      inputs: rows(),
      gradients: rows(),
      bias,
      lr: step < 800 ? 1e-3 : (1e-3 * (STEPS - step)) / 200,
    };
  });
}

function settingsOf({ beta1, unit, clips, moments }: Case, slice: Slice): SliceSettings {
  return {
    ...{
      slice,
      ...rulesFor('topk', true),
      settings: { k: K },
      batchRows: B,
      totalFeatures: F,
      k: K,
      kAux: 0,
      quantised: false,
    },
    ...{ vectors: ['b_enc'], parts: { lines: B, ends: [F] } },
    training: { betas: [beta1, 0.999], epsilon: EPSILON, moments, clips, unitRows: unit },
  };
}

/** Puts a step's pairs where the choice and the slopes of a real step leave them. */
function give(a: SliceArrays, { touched, pairs, inputs, gradients, bias }: Step): void {
  let at = 0;
  a.starts.data[0] = 0;
  touched.forEach((feature, t) => {
    a.touched.data[t] = feature;
    for (const { row, slope, value } of pairs[t] ?? []) {
      a.row.data[at] = row;
      a.inputRow.data[at] = row;
      a.slopes.data[at] = slope;
      a.value.data[at++] = value;
    }
    a.starts.data[t + 1] = at;
  });
  a.inputs.data.set(inputs);
  a.gradients.data.set(gradients);
  a.vectors.get('b_enc')?.g.data.set(bias);
}

/** A tensor in float64 that moves whole in every step. */
class Dense {
  readonly w: Float64Array;
  readonly g: Float64Array;
  readonly width: number;
  readonly of: { readonly unit: boolean; readonly perRow: boolean };
  readonly #m: Float64Array;
  readonly #v: Float64Array;

  constructor(start: Float32Array, width: number, of: Dense['of']) {
    this.width = width;
    this.of = of;
    this.w = Float64Array.from(start);
    this.g = new Float64Array(start.length);
    this.#m = new Float64Array(start.length);
    this.#v = new Float64Array(start.length);
  }

  row(values: Float64Array, i: number): Float64Array {
    return values.subarray(i * this.width, (i + 1) * this.width);
  }

  get rows(): number {
    return this.w.length / this.width;
  }

  /** G ← G − (G · W) W of rows that are kept at norm 1. */
  project(): void {
    for (let i = 0; this.of.unit && i < this.rows; i++) {
      const [g, w] = [this.row(this.g, i), this.row(this.w, i)];
      const along = g.reduce((sum, value, j) => sum + value * (w[j] as number), 0);
      w.forEach((value, j) => (g[j] = (g[j] as number) - along * value));
    }
  }

  get squares(): number {
    return this.g.reduce((sum, value) => sum + value * value, 0);
  }

  move({
    beta1,
    clip,
    lr,
    t,
  }: {
    readonly beta1: number;
    readonly clip: number;
    readonly lr: number;
    readonly t: number;
  }): void {
    const [rate, spread] = [lr / (1 - beta1 ** t), 1 - 0.999 ** t];
    for (let i = 0; i < this.rows; i++) {
      const [w, m, v, g] = [this.w, this.#m, this.#v, this.g].map((own) => this.row(own, i)) as [Float64Array, Float64Array, Float64Array, Float64Array]; // prettier-ignore
      const mean = g.reduce((sum, value) => sum + (clip * value) ** 2, 0) / this.width;
      for (let j = 0; j < w.length; j++) {
        const own = clip * (g[j] as number);
        m[j] = beta1 * (m[j] as number) + (1 - beta1) * own;
        v[j] = 0.999 * (v[j] as number) + (1 - 0.999) * (this.of.perRow ? mean : own * own);
        w[j] = (w[j] as number) - (rate * (m[j] as number)) / (Math.sqrt((v[j] as number) / spread) + EPSILON);
      }
      const norm = Math.hypot(...w);
      if (this.of.unit) w.forEach((value, j) => (w[j] = value / norm));
    }
  }
}

/** Σ_p weight_p lines[row_p] of every feature, in float64. @param lines [B, stride] */
function sumInto(
  dense: Dense,
  step: Step,
  { lines, weight }: { readonly lines: Float32Array; readonly weight: 'slope' | 'value' },
): void {
  const stride = lines.length / B;
  dense.g.fill(0);
  step.touched.forEach((feature, t) => {
    const g = dense.row(dense.g, feature);
    for (const pair of step.pairs[t] ?? [])
      for (let j = 0; j < D; j++) g[j] = (g[j] as number) + pair[weight] * (lines[pair.row * stride + j] as number);
  });
}

describe.each(CASES)('Adam with β1 = $beta1, unit rows $unit, clipping $clips, moments $moments', (of) => {
  it('moves rows over 1,000 steps as float64 moves whole tensors', () => {
    const shape = { kind: ARCHITECTURES.topk, sites: oneSite(D), features: F };
    const slice = planSlices(shape, 1).slices[0] as Slice;
    const settings = settingsOf(of, slice);
    const kernels = new Kernels(bytesOfSlice(settings));
    const a = layOut(kernels, settings);
    a.bounds.data[0] = slice.writeStride;
    const moves = new SliceMoves(settings, a, { kernels, slopes: new SliceSlopes(settings, a, kernels) });
    const random = new KeyedRandom('start');
    const first = Float32Array.from({ length: F * D }, () => random.nextNormal());
    for (let i = 0; i < F; i++) {
      const row = first.subarray(i * D, (i + 1) * D);
      const norm = Math.hypot(...row);
      row.forEach((value, j) => (row[j] = value / norm));
      a.encoder.data.set(row, i * slice.readStride);
      a.decoder.data.set(row, i * slice.writeStride);
    }
    const perRow = of.moments === 'row';
    const encoder = new Dense(first, D, { unit: false, perRow });
    const decoder = new Dense(first, D, { unit: of.unit, perRow });
    const biases = new Dense(new Float32Array(F), 1, { unit: false, perRow: false });
    let clipped = 0;
    recorded(slice.readStride).forEach((step, s) => {
      give(a, step);
      sumInto(encoder, step, { lines: step.inputs, weight: 'slope' });
      sumInto(decoder, step, { lines: step.gradients, weight: 'value' });
      biases.g.set(step.bias);
      decoder.project();
      const squares = [encoder, decoder, biases].reduce((sum, dense) => sum + dense.squares, 0);
      const clipOf = (sum: number): number => (of.clips ? Math.min(1, CLIP / Math.sqrt(sum)) : 1);
      const own = moves.squares(step.touched.length);
      if (squares > 0) expect(Math.abs(own / squares - 1)).toBeLessThan(1e-5);
      if (clipOf(squares) < 1) clipped++;
      const numbers = { beta1: of.beta1, lr: step.lr, t: s + 1 };
      for (const dense of [encoder, decoder, biases]) dense.move({ ...numbers, clip: clipOf(squares) });
      const { lr } = step;
      moves.update(step.touched.length, {
        ...{ step: s + 1, clip: clipOf(own), rate: lr / (1 - of.beta1 ** (s + 1)) },
        correction: 1 / Math.sqrt(1 - 0.999 ** (s + 1)),
      });
    });
    expect(clipped > 0.5 * STEPS).toBe(of.clips);
    const worst = (got: Float32Array, dense: Dense, stride: number): number =>
      dense.w.reduce((most, want, i) => {
        const at = Math.floor(i / dense.width) * stride + (i % dense.width);
        return Math.max(most, Math.abs(want - (got[at] as number)));
      }, 0);
    const moved = encoder.w.reduce((most, value, i) => Math.max(most, Math.abs(value - (first[i] as number))), 0);
    expect(moved).toBeGreaterThan(0.01);
    const errors = {
      W_enc: worst(a.encoder.data, encoder, slice.readStride),
      W_dec: worst(a.decoder.data, decoder, slice.writeStride),
      b_enc: worst(a.vectors.get('b_enc')?.value.data as Float32Array, biases, 1),
    };
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(within(of));
  });
});
