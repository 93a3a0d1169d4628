// The learning rate of each step, in float64, as a pure function of the settings.
//
//   lr(s) = lr · min(1, (s + 1) / warmup) · shape(p),   p = min(1, max(0, s − warmup) / (steps − warmup)),   s = 0 … steps − 1
//   constant: 1    linear: f + (1 − f) (1 − p)    cosine: f + (1 − f) · 0.5 · (1 + cos(π p))     f = final fraction
//   trapezoid: lr(s) = lr · min(1, (s + 1) / warmup, (steps − s) / decay): up, constant, down to 0 just after the last step
//
// Cosine: Loshchilov and Hutter 2017 without restarts; the final fraction is reached at s = steps, after the last step.

interface Common {
  /** Peak learning rate. */
  readonly lr: number;
  readonly steps: number;
  /** Steps over which the rate rises linearly; step 0 has lr / warmupSteps. */
  readonly warmupSteps: number;
}

export type Schedule = Common &
  (
    | {
        readonly kind: ScheduleKind;
        /** Part of the peak that is left at the end. */
        readonly finalFraction: number;
      }
    | {
        readonly kind: 'trapezoid';
        /** Last steps over which the rate falls linearly to 0. */
        readonly decaySteps: number;
      }
  );

/** Shapes that a language model's training may name; dictionaries use the trapezoid. */
export const SCHEDULE_KINDS = ['constant', 'linear', 'cosine'] as const;
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

const SHAPES: Readonly<Record<ScheduleKind, (progress: number, final: number) => number>> = {
  constant: () => 1,
  linear: (progress, final) => final + (1 - final) * (1 - progress),
  cosine: (progress, final) => final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * progress)),
};

/** The learning rate of step `step`, counted from 0. */
export function learningRate(schedule: Schedule, step: number): number {
  const { lr, steps, warmupSteps } = schedule;
  const rise = warmupSteps === 0 ? 1 : Math.min(1, (step + 1) / warmupSteps);
  if (schedule.kind === 'trapezoid') {
    const fall = schedule.decaySteps === 0 ? 1 : Math.min(1, (steps - step) / schedule.decaySteps);
    return lr * Math.min(rise, fall);
  }
  const rest = Math.max(1, steps - warmupSteps);
  const progress = Math.min(1, Math.max(0, step - warmupSteps) / rest);
  return lr * rise * SHAPES[schedule.kind](progress, schedule.finalFraction);
}
