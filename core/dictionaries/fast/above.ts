// What fires above a stored limit, over stored weights: batchtopk and matryoshka with their θ, jumprelu with its thresholds.
//
//   z = score + b_enc;  f = z where z > limit and z > 0
import { type ThresholdRule, vectorOf } from './rule.js';

export const aboveRule: ThresholdRule = {
  ...{ choice: 'above', bias: 'b_enc', frozen: false, weighs: 'never' },
  limits: (vectors, _, limits) => {
    const threshold = vectorOf(vectors, 'threshold');
    for (let i = 0; i < limits.length; i++)
      limits[i] = Math.max(0, threshold[threshold.length === 1 ? 0 : i] as number);
  },
  fired: ({ pairs, vectors }, [values]) => {
    const bias = vectorOf(vectors, 'b_enc');
    for (let t = 0; t < pairs.features; t++) {
      const shift = bias[pairs.touched[t] as number] as number;
      const end = pairs.starts[t + 1] as number;
      for (let p = pairs.starts[t] as number; p < end; p++)
        (values as Float32Array)[p] = (pairs.score[p] as number) + shift;
    }
    return { firings: pairs.count, measure: 0 };
  },
  penalty: () => ({ value: 0, slope: 0 }),
  slopes: () => undefined,
};
