// Per-token loss weights as the step graph takes them: finite, not negative, and not all zero within a step.
import { InputError } from '../../schemas/errors.js';

/**
 * Returns where every step's weights can be used.
 * @param weights [steps, perStep], row-major
 * @throws InputError with the step, and the place within it, that cannot be used
 */
export function checkLossWeights(
  weights: Float32Array,
  { from, perStep }: { readonly from: number; readonly perStep: number },
): void {
  for (let start = 0; start < weights.length; start += perStep) {
    const step = from + start / perStep;
    const part = weights.subarray(start, start + perStep);
    const bad = part.findIndex((w) => !(w >= 0 && Number.isFinite(w)));
    if (bad >= 0)
      throw new InputError(
        `Expected loss weights that are finite and not negative, got ${part[bad] ?? NaN} at target ${bad} of step ${step}. Correct the weights.`,
        { step, target: bad, weight: part[bad] },
      );
    if (part.every((w) => w === 0))
      throw new InputError(
        `Expected a loss weight above 0 in every step, all ${perStep} of step ${step} are 0, so its mean loss is undefined. Give at least one token of every batch a weight.`,
        { step, perStep },
      );
  }
}
