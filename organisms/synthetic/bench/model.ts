// The model behind a SynthSAEBench generator: all that is drawn once, from its seed.
//
//   z_i = f_i·ε + s_i η_i,   ε ~ N(0, I_r), η_i ~ N(0, 1);   s_i² = 1 − ‖f_i‖², so that z_i ~ N(0, 1)
//   feature i is tried when z_i > t_i = Φ⁻¹(1 − q_i)
//
//   f   common factors [n, r]     s   [n]     t   thresholds [n]
//   μ   mean magnitudes [n]       σ   their standard deviations [n]
//   E   directions [n, d]         b   bias [d]
//
// Source: SAELens 6.54.12, sae_lens/synthetic/{correlation,activation_generator,firing_magnitudes,feature_dictionary}.py.
// Departure: our own random numbers, keyed by the seed and by what they are for. Test: tests/golden/synthetic/synth-bench.test.ts.
import { normalQuantile } from '../../../core/statistics/normal.js';
import type { Matrix, Multiply } from '../../../core/tensor/matrix.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { type Forest, firingProbabilities, growForest, triedProbabilities } from './forest.js';
import { normaliseRows, orthogonalise } from './orthogonalise.js';
import { type SynthBenchSettings, checkSynthBench } from './settings.js';

export interface SynthBenchModel {
  readonly settings: SynthBenchSettings;
  readonly forest: Forest;
  /** p [n]: how often each feature shall fire. */
  readonly wanted: Float64Array;
  /** f [n, r]. */
  readonly factors: Float64Array;
  /** s [n]. */
  readonly own: Float64Array;
  /** t [n]; −∞ for a feature that is always tried. */
  readonly thresholds: Float64Array;
  /** μ [n]. */
  readonly means: Float64Array;
  /** σ [n]. */
  readonly spreads: Float64Array;
  /** E [n, d]. */
  readonly directions: Matrix;
  /** b [d]. */
  readonly bias: Float32Array;
}

/** Least variance that a feature keeps for itself, whatever its factors. */
const LEAST_OWN = 0.01;

export interface SpreadOptions {
  readonly multiply: Multiply;
  /** Told before each step. */
  readonly progress?: (step: number) => void;
}

/** E: 2 n d² products per step of spreading. */
export async function spreadDirections(
  settings: SynthBenchSettings,
  { multiply, progress }: SpreadOptions,
): Promise<Matrix> {
  const start = randomDirections(settings);
  return orthogonalise(start, { ...settings.orthogonalisation, multiply, ...(progress && { progress }) });
}

/** Unit vectors in random directions [n, d]: what is spread. */
export function randomDirections({ features, width, seed }: SynthBenchSettings): Matrix {
  const random = new KeyedRandom('synth-bench', seed, 'directions');
  const data = Float32Array.from({ length: features * width }, () => random.nextNormal());
  return { data: normaliseRows(data, width), rows: features, columns: width };
}

/** b. */
export function drawBias({ width, biasNorm, seed }: SynthBenchSettings): Float32Array {
  const random = new KeyedRandom('synth-bench', seed, 'bias');
  const bias = Float32Array.from({ length: width }, () => random.nextNormal());
  return normaliseRows(bias, width).map((value) => value * biasNorm);
}

/** All of the model but directions and bias. */
export function firingModel(settings: SynthBenchSettings): Omit<SynthBenchModel, 'directions' | 'bias'> {
  checkSynthBench(settings);
  const forest = growForest(settings);
  const wanted = firingProbabilities(settings);
  const tried = triedProbabilities(wanted, forest);
  return {
    ...{ settings, forest, wanted },
    ...drawFactors(settings),
    thresholds: tried.map((q) => -normalQuantile(q)),
    ...drawMagnitudes(settings),
  };
}

function drawFactors({ features, correlation: { rank, scale }, seed }: SynthBenchSettings): {
  readonly factors: Float64Array;
  readonly own: Float64Array;
} {
  const random = new KeyedRandom('synth-bench', seed, 'factors');
  const factors = Float64Array.from({ length: features * rank }, () => scale * random.nextNormal());
  const own = new Float64Array(features);
  for (let i = 0; i < features; i++) {
    const row = factors.subarray(i * rank, (i + 1) * rank);
    const square = row.reduce((sum, value) => sum + value * value, 0);
    // Factors that would leave a feature nothing of its own are shortened.
    const factor = 1 - square < LEAST_OWN ? Math.sqrt((1 - LEAST_OWN) / square) : 1;
    for (let k = 0; k < rank; k++) row[k] = (row[k] as number) * factor;
    own[i] = Math.sqrt(1 - square * factor * factor);
  }
  return { factors, own };
}

function drawMagnitudes({ features, magnitude, seed }: SynthBenchSettings): {
  readonly means: Float64Array;
  readonly spreads: Float64Array;
} {
  const { first, last, spreadMean, spreadDeviation } = magnitude;
  const random = new KeyedRandom('synth-bench', seed, 'spreads');
  const step = features === 1 ? 0 : (last - first) / (features - 1);
  return {
    means: Float64Array.from({ length: features }, (_, i) => first + step * i),
    spreads: Float64Array.from({ length: features }, () =>
      Math.abs(spreadMean + spreadDeviation * random.nextNormal()),
    ),
  };
}
