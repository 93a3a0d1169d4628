// The toy model of superposition: it learns to store many sparse features in few dimensions, and so plants directions that overlap.
//
//   x_i = 0 with probability S, else uniform in [0, 1]        h = Wᵀ x        x' = relu(W h + b)
//   L = mean over rows of Σ_i I_i (x_i − x'_i)²,   I_i = decay^i
//   g_i = ∂L/∂(W h + b)_i = 2 I_i (x'_i − x_i) 1[x'_i > 0] / B
//   ∂L/∂W_i = Σ_rows g_i h + x_i Σ_k g_k W_k        ∂L/∂b_i = Σ_rows g_i
//
//   W   a direction per feature [n, m]     b  [n]     h  hidden rows [B, m]
//
// Source: N. Elhage et al. (2022), "Toy Models of Superposition", transformer-circuits.pub, sections "Demonstrating superposition"
// and "Basic results". Departures: Adam without weight decay, smaller batches. Test: tests/unit/organisms/toy.test.ts (two features
// kept of dense ones, all of sparse ones, as the paper's first figure shows; gradients by finite differences).
import type { Matrix } from '../../../core/tensor/matrix.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { InputError } from '../../../schemas/errors.js';

export interface ToySettings {
  /** n. */
  readonly features: number;
  /** m. */
  readonly width: number;
  /** S: how likely a feature is 0. */
  readonly sparsity: number;
  /** I_i = decay^i. */
  readonly decay: number;
  readonly steps: number;
  readonly batchRows: number;
  readonly lr: number;
  readonly seed: number;
}

/** A toy that a test or a first look can afford: twice as many features as dimensions, all of them stored. */
export const TOY: ToySettings = {
  ...{ features: 40, width: 20, sparsity: 0.95, decay: 1 },
  ...{ steps: 1000, batchRows: 128, lr: 1e-2, seed: 42 },
};

/** W and b. */
export interface ToyWeights {
  readonly W: Matrix;
  readonly b: Float32Array;
}

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

/** The weights after training. @throws InputError where no toy has these settings */
export function trainToy(settings: ToySettings, progress?: (step: number) => void): ToyWeights {
  const { features, width, sparsity, steps, batchRows, seed } = checkToy(settings);
  const random = new KeyedRandom('toy', seed, 'weights');
  const scale = Math.sqrt(2 / (features + width)); // Xavier
  const W = { data: new Float32Array(features * width), rows: features, columns: width };
  for (let i = 0; i < W.data.length; i++) W.data[i] = scale * random.nextNormal();
  const weights: ToyWeights = { W, b: new Float32Array(features) };
  const moments = [W.data, weights.b].map((of) => ({ m: new Float64Array(of.length), v: new Float64Array(of.length) }));
  for (let step = 1; step <= steps; step++) {
    if (step % 100 === 1) progress?.(step);
    const x = drawFeatures(new KeyedRandom('toy', seed, 'train', step), { rows: batchRows, features, sparsity });
    const gradients = toyGradients(weights, x, settings);
    [gradients.W, gradients.b].forEach((gradient, at) => {
      adam([W.data, weights.b][at] as Float32Array, gradient, { ...(moments[at] as Moments), step, lr: settings.lr });
    });
  }
  return weights;
}

function checkToy(settings: ToySettings): ToySettings {
  const { features, width, sparsity, decay } = settings;
  const whole = [features, width].every((n) => Number.isSafeInteger(n) && n > 0);
  if (whole && sparsity >= 0 && sparsity < 1 && decay > 0 && decay <= 1) return settings;
  const text = `Expected a toy with whole numbers of features and width above 0, sparsity from 0 to below 1 and decay above 0 and at most 1, got features ${features}, width ${width}, sparsity ${sparsity}, decay ${decay}. Change its settings.`;
  throw new InputError(text, { features, width, sparsity, decay });
}

/** Features of rows [rows, n], row-major. */
export function drawFeatures(
  random: KeyedRandom,
  { rows, features, sparsity }: { readonly rows: number; readonly features: number; readonly sparsity: number },
): Float64Array {
  const x = new Float64Array(rows * features);
  for (let i = 0; i < x.length; i++) if (random.nextFloat() >= sparsity) x[i] = random.nextFloat();
  return x;
}

export interface ToyGradients {
  readonly loss: number;
  readonly W: Float64Array;
  readonly b: Float64Array;
}

/** Loss and gradients on rows x [B, n]. */
export function toyGradients(
  { W, b }: ToyWeights,
  x: Float64Array,
  { decay }: Pick<ToySettings, 'decay'>,
): ToyGradients {
  const { data, rows: features, columns: width } = W;
  const rows = x.length / features;
  const gradients = { loss: 0, W: new Float64Array(data.length), b: new Float64Array(features) };
  const [h, back, g] = [new Float64Array(width), new Float64Array(width), new Float64Array(features)];
  for (let row = 0; row < rows; row++) {
    const own = x.subarray(row * features, (row + 1) * features);
    h.fill(0);
    own.forEach((value, i) => {
      if (value !== 0) addScaled(h, data, { row: i, by: value });
    });
    back.fill(0);
    for (let i = 0; i < features; i++) {
      let y = b[i] as number;
      for (let j = 0; j < width; j++) y += (data[i * width + j] as number) * (h[j] as number);
      const error = Math.max(0, y) - (own[i] as number);
      const importance = decay ** i;
      gradients.loss += (importance * error * error) / rows;
      g[i] = y > 0 ? (2 * importance * error) / rows : 0;
      if (g[i] !== 0) addScaled(back, data, { row: i, by: g[i] as number });
    }
    for (let i = 0; i < features; i++) {
      const [gi, xi] = [g[i] as number, own[i] as number];
      gradients.b[i] = (gradients.b[i] as number) + gi;
      if (gi === 0 && xi === 0) continue;
      for (let j = 0; j < width; j++) {
        const at = i * width + j;
        gradients.W[at] = (gradients.W[at] as number) + gi * (h[j] as number) + xi * (back[j] as number);
      }
    }
  }
  return gradients;
}

function addScaled(target: Float64Array, data: Float32Array, { row, by }: { row: number; by: number }): void {
  const width = target.length;
  for (let j = 0; j < width; j++) target[j] = (target[j] as number) + by * (data[row * width + j] as number);
}

interface Moments {
  readonly m: Float64Array;
  readonly v: Float64Array;
}

function adam(
  weights: Float32Array,
  gradient: Float64Array,
  { m, v, step, lr }: Moments & { readonly step: number; readonly lr: number },
): void {
  const [first, second] = [1 - BETA1 ** step, 1 - BETA2 ** step];
  for (let i = 0; i < weights.length; i++) {
    const value = gradient[i] as number;
    m[i] = BETA1 * (m[i] as number) + (1 - BETA1) * value;
    v[i] = BETA2 * (v[i] as number) + (1 - BETA2) * value * value;
    weights[i] =
      (weights[i] as number) - (lr * (m[i] as number)) / first / (Math.sqrt((v[i] as number) / second) + EPSILON);
  }
}
