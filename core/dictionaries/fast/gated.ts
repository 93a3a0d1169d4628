// The fast rule of gated (architectures/gated.ts). Pairs are those with p > 0.
//
//   h = score;  p = h + b_gate;  f = relu(e^r h + b_mag);  the second reconstruction has p, its decoder held fixed
//   measure = Σ p_bi n_i (n_i = Σ_w ‖W_dec.w_i‖ where several sites are written, else 1);  sparsity = λ / B · measure
//   a = dots_0 1[e^r h + b_mag > 0];   ∂/∂p = dots_1 + slope n_i;   ∂/∂h = a e^r + ∂/∂p
//   ∂/∂b_gate = Σ ∂/∂p;  ∂/∂b_mag = Σ a;  ∂/∂r = Σ a e^r h;  ∂/∂n_i = slope Σ p
import { settingOf } from '../architecture.js';
import { type ThresholdRule, vectorOf } from './rule.js';

export const gatedRule: ThresholdRule = {
  ...{ choice: 'above', bias: 'b_gate', frozen: true, weighs: 'several' },
  limits: (_, __, limits) => void limits.fill(0),
  fired: ({ pairs, vectors, norms }, [values, gates]) => {
    const [gate, mag, r] = [vectorOf(vectors, 'b_gate'), vectorOf(vectors, 'b_mag'), vectorOf(vectors, 'r_mag')];
    let [firings, measure] = [0, 0];
    for (let t = 0; t < pairs.features; t++) {
      const feature = pairs.touched[t] as number;
      const [open, shift, factor] = [gate[feature] as number, mag[feature] as number, Math.exp(r[feature] as number)];
      let sum = 0;
      const end = pairs.starts[t + 1] as number;
      for (let at = pairs.starts[t] as number; at < end; at++) {
        const h = pairs.score[at] as number;
        const f = Math.fround(Math.fround(h * Math.fround(factor)) + shift);
        (values as Float32Array)[at] = f > 0 ? f : 0;
        if (f > 0) firings++;
        const p = Math.fround(h + open);
        if (gates) gates[at] = p;
        sum += p;
      }
      measure += sum * (norms[t] as number);
    }
    return { firings, measure };
  },
  penalty: (measure, settings, batchRows) => {
    const slope = settingOf(settings, 'sparsity') / batchRows;
    return { value: slope * measure, slope };
  },
  slopes: ({ pairs, vectors, values: [values, gates], dots: [dots, frozen], norms, slope }, into) => {
    const r = vectorOf(vectors, 'r_mag');
    const [gate, mag, rs] = ['b_gate', 'b_mag', 'r_mag'].map((name) => vectorOf(into.vectors, name)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    for (let t = 0; t < pairs.features; t++) {
      const factor = Math.exp(r[pairs.touched[t] as number] as number);
      const weight = slope * (norms[t] as number);
      let [open, shifts, scales, weighed] = [0, 0, 0, 0];
      const end = pairs.starts[t + 1] as number;
      for (let at = pairs.starts[t] as number; at < end; at++) {
        const a = ((values as Float32Array)[at] as number) > 0 ? ((dots as Float32Array)[at] as number) : 0;
        const dp = ((frozen as Float32Array)[at] as number) + weight;
        into.score[at] = a * factor + dp;
        open += dp;
        shifts += a;
        scales += a * factor * (pairs.score[at] as number);
        weighed += (gates as Float32Array)[at] as number;
      }
      gate[t] = open;
      mag[t] = shifts;
      rs[t] = scales;
      into.norms[t] = slope * weighed;
    }
  },
};

/** Over stored weights: without the second reconstruction. */
export const gatedInference: ThresholdRule = { ...gatedRule, frozen: false, weighs: 'never' };
