// Weights before the first step, keyed by seed and tensor name alone: GPT-2's scheme (Radford et al. 2019, section 2.3), normal
// with deviation 0.02, matrices that write into the residual stream scaled by 1/√(2 layers), norms 1, biases 0.
import { KeyedRandom } from '../tensor/random.js';
import { modelParameters } from './architectures.js';
import type { ModelSpec } from './model-spec.js';

/** Initial values by parameter name, row-major, in the order of `modelParameters`. */
export function initialParameters(spec: ModelSpec, seed: number): Map<string, Float32Array> {
  return new Map(
    modelParameters(spec).map(({ name, shape, initial }) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      if ('constant' in initial) return [name, data.fill(initial.constant)];
      const random = new KeyedRandom('language-model', 'initial', seed, name);
      for (let i = 0; i < data.length; i++) data[i] = random.nextNormal() * initial.normal;
      return [name, data];
    }),
  );
}
