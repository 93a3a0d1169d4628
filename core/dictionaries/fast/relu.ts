// The fast rule of relu (architectures/relu.ts).
//
//   z = score + b_enc;  f = z where z > 0;  measure = Σ f_bi n_i,  n_i = Σ_w ‖W_dec.w_i‖;  sparsity = λ / B · measure
//   ∂/∂z = dots + slope n_i;   ∂/∂n_i = slope Σ_b f_bi
import { settingOf } from '../architecture.js';
import { type ThresholdRule, vectorOf } from './rule.js';

export const reluRule: ThresholdRule = {
  ...{ choice: 'above', bias: 'b_enc', frozen: false, weighs: 'always' },
  limits: (_, __, limits) => void limits.fill(0),
  fired: ({ pairs, vectors, norms }, [values]) => {
    const bias = vectorOf(vectors, 'b_enc');
    let measure = 0;
    for (let t = 0; t < pairs.features; t++) {
      const shift = bias[pairs.touched[t] as number] as number;
      let sum = 0;
      const end = pairs.starts[t + 1] as number;
      for (let p = pairs.starts[t] as number; p < end; p++) {
        const f = Math.fround((pairs.score[p] as number) + shift);
        (values as Float32Array)[p] = f;
        sum += f;
      }
      measure += sum * (norms[t] as number);
    }
    return { firings: pairs.count, measure };
  },
  penalty: (measure, settings, batchRows) => {
    const slope = settingOf(settings, 'sparsity') / batchRows;
    return { value: slope * measure, slope };
  },
  slopes: ({ pairs, values: [values], dots: [dots], norms, slope }, into) => {
    const biases = vectorOf(into.vectors, 'b_enc');
    for (let t = 0; t < pairs.features; t++) {
      const weight = slope * (norms[t] as number);
      let fired = 0;
      let sum = 0;
      const end = pairs.starts[t + 1] as number;
      for (let p = pairs.starts[t] as number; p < end; p++) {
        const dz = ((dots as Float32Array)[p] as number) + weight;
        into.score[p] = dz;
        sum += dz;
        fired += (values as Float32Array)[p] as number;
      }
      biases[t] = sum;
      into.norms[t] = slope * fired;
    }
  },
};
