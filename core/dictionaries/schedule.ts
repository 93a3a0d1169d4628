// The plan of a training as plain numbers: how many steps, the learning rate of each, when the calib split is measured.
// A pure function of the settings; nothing here depends on time, checkpoints or the data.
import type { SaeConfig } from '../../schemas/run-file.js';

/** A dictionary's settings without its name and site. */
export type SaeSettings = Omit<SaeConfig, 'name' | 'hook'>;

export interface TrainingPlan {
  /** Training steps: floor(tokens / batchRows). */
  readonly steps: number;
  readonly lr: number;
  readonly warmupSteps: number;
  /** Last steps over which the rate falls linearly to 0. */
  readonly decaySteps: number;
  /** Most features that AuxK revives per row; 0 for none. */
  readonly kAux: number;
  readonly deadAfterTokens: number;
  /** Steps done when the calib split is measured: i / 10 of the training for i = 0 … 10 (0: the untrained dictionary). */
  readonly calibSteps: readonly number[];
}

/** The plan of a training; settings left null get the defaults that the run file states. */
export function planTraining(sae: SaeSettings, width: number): TrainingPlan {
  const steps = Math.floor(sae.tokens / sae.batchRows);
  const tenths = Array.from({ length: 11 }, (_, i) => Math.round((steps * i) / 10));
  return {
    steps,
    lr: sae.lr ?? 2e-4 / Math.sqrt(sae.features / 16_384),
    warmupSteps: sae.warmupSteps ?? Math.min(1000, Math.floor(steps / 20)),
    decaySteps: Math.floor(steps * sae.decayFraction),
    kAux: Math.min(sae.auxK ?? Math.floor(width / 2), sae.features),
    deadAfterTokens: sae.deadAfterTokens ?? Math.max(1, Math.min(1e7, Math.floor(sae.tokens / 10))),
    calibSteps: [...new Set(tenths)],
  };
}

/** Learning rate of a step (0 for the first): linear warm-up, constant, linear decay to 0 just after the last step. */
export function learningRate({ lr, steps, warmupSteps, decaySteps }: TrainingPlan, step: number): number {
  const up = warmupSteps === 0 ? 1 : Math.min(1, (step + 1) / warmupSteps);
  const down = decaySteps === 0 ? 1 : Math.min(1, (steps - step) / decaySteps);
  return lr * Math.min(up, down);
}

/** Adam's two factors of steps `from` … `from + count − 1`: lr / (1 − β1^t) and 1 / √(1 − β2^t), t counted from 1. */
export function stepFactors(
  plan: TrainingPlan,
  betas: readonly [number, number],
  { from, count }: { readonly from: number; readonly count: number },
): { readonly rate: Float32Array; readonly correction: Float32Array } {
  const rate = new Float32Array(count);
  const correction = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const step = from + i;
    rate[i] = learningRate(plan, step) / (1 - betas[0] ** (step + 1));
    correction[i] = 1 / Math.sqrt(1 - betas[1] ** (step + 1));
  }
  return { rate, correction };
}
