// Losses that several kinds share.
import type { Loss, LossInputs } from './architecture.js';
import type { Tape } from './tape.js';

/** Σ‖e‖² / (B V) and nothing else. */
export function buildSquaredError(_: Tape, { squaredError }: LossInputs): Loss {
  return { squares: squaredError, sparsity: null };
}
