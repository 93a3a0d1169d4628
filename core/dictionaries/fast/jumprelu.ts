// The fast rule of jumprelu (architectures/jumprelu.ts). Pairs are those above t or within the window below it.
//
//   z = score + b_enc;  f = relu(z) 1[z > t];  measure = Σ_bi 1[z > t];  sparsity = λ measure / B, or (measure / (B l0) − 1)²
//   ∂/∂z = dots 1[z > t, z > 0];   ∂/∂t_i = −(1 / w) Σ_b K((z − t) / w) (t dots + slope),  K(u) = 1[|u| < 1/2]
import { settingOf } from '../architecture.js';
import { type ThresholdRule, vectorOf } from './rule.js';

export const jumpreluRule: ThresholdRule = {
  ...{ choice: 'above', bias: 'b_enc', frozen: false, weighs: 'never' },
  // A rounding of t − w/2 must not lose a pair of the window: what is too much is weighed with 0.
  limits: (vectors, settings, limits) => {
    const half = settingOf(settings, 'bandwidth') / 2;
    const t = vectorOf(vectors, 'threshold');
    for (let i = 0; i < t.length; i++) limits[i] = (t[i] as number) - half - 1e-6 * Math.abs(t[i] as number) - 1e-7;
  },
  fired: ({ pairs, vectors }, [values]) => {
    const [bias, threshold] = [vectorOf(vectors, 'b_enc'), vectorOf(vectors, 'threshold')];
    let [firings, measure] = [0, 0];
    for (let i = 0; i < pairs.features; i++) {
      const feature = pairs.touched[i] as number;
      const [shift, t] = [bias[feature] as number, threshold[feature] as number];
      const end = pairs.starts[i + 1] as number;
      for (let p = pairs.starts[i] as number; p < end; p++) {
        const z = Math.fround((pairs.score[p] as number) + shift);
        const f = z > t && z > 0 ? z : 0;
        (values as Float32Array)[p] = f;
        if (f > 0) firings++;
        if (z > t) measure++;
      }
    }
    return { firings, measure };
  },
  penalty: (measure, settings, batchRows) => {
    if (settings.l0 === undefined) {
      const slope = settingOf(settings, 'sparsity') / batchRows;
      return { value: slope * measure, slope };
    }
    const over = measure / (batchRows * settings.l0) - 1;
    return { value: over * over, slope: (2 * over) / (batchRows * settings.l0) };
  },
  slopes: ({ pairs, vectors, values: [values], dots: [dots], slope, settings }, into) => {
    const width = settingOf(settings, 'bandwidth');
    const half = width / 2;
    const [bias, threshold] = [vectorOf(vectors, 'b_enc'), vectorOf(vectors, 'threshold')];
    const [biases, thresholds] = [vectorOf(into.vectors, 'b_enc'), vectorOf(into.vectors, 'threshold')];
    for (let i = 0; i < pairs.features; i++) {
      const feature = pairs.touched[i] as number;
      const [shift, t] = [bias[feature] as number, threshold[feature] as number];
      let [sum, moved] = [0, 0];
      const end = pairs.starts[i + 1] as number;
      for (let p = pairs.starts[i] as number; p < end; p++) {
        const z = Math.fround((pairs.score[p] as number) + shift);
        const df = (dots as Float32Array)[p] as number;
        const dz = ((values as Float32Array)[p] as number) > 0 ? df : 0;
        into.score[p] = dz;
        sum += dz;
        if (Math.abs(Math.fround(z - t)) < half) moved -= (t * df + slope) / width;
      }
      biases[i] = sum;
      thresholds[i] = moved;
    }
  },
};
