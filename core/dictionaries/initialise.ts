// Parameters before the first step: W_dec rows in random directions of unit norm, W_enc = W_dec, b_enc = 0, b_dec = mean of
// the scaled fit rows (sparsify's choice; reference: OpenAI's geometric median costs a sample and changes little).
import { KeyedRandom } from '../tensor/random.js';
import { ARCHITECTURES } from './architectures.js';
import type { StateSizes } from './state.js';

/** Parameters by tensor name, keyed by the dictionary's own seed and nothing else. @param mean x̄ of the scaled fit rows [d] */
export function initialParameters(sizes: StateSizes, seed: number, mean: Float64Array): Map<string, Float32Array> {
  const { width, features } = sizes;
  const random = new KeyedRandom('sae', 'initial', seed);
  const W_dec = new Float32Array(features * width);
  const row = new Float64Array(width);
  for (let i = 0; i < features; i++) {
    for (let j = 0; j < width; j++) row[j] = random.nextNormal();
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let j = 0; j < width; j++) W_dec[i * width + j] = (row[j] as number) / norm;
  }
  const parameters = new Map([
    ['W_enc', W_dec.slice()],
    ['b_enc', new Float32Array(features)],
    ['W_dec', W_dec],
    ['b_dec', Float32Array.from(mean)],
  ]);
  for (const extra of ARCHITECTURES[sizes.architecture].extraParameters) {
    const length = extra.shape(sizes).reduce((a, b) => a * b, 1);
    parameters.set(extra.name, new Float32Array(length).fill(extra.initial));
  }
  return parameters;
}
