// The table of optimisers, typed so that an omission does not compile, and the factors of a run of steps.
import type { Schedule } from '../schedule.js';
import { learningRate } from '../schedule.js';
import { ADAM, ADAMW } from './adam.js';
import type { Optimiser, OptimiserName, OptimiserSettings } from './optimiser.js';
import { SGD } from './sgd.js';

export const OPTIMISERS: Readonly<Record<OptimiserName, Optimiser>> = {
  adam: ADAM,
  adamw: ADAMW,
  sgd: SGD,
};

/** Names of the factors that each step feeds. */
export function factorNames(settings: OptimiserSettings): readonly string[] {
  return Object.keys(OPTIMISERS[settings.kind].factors(settings, { lr: 0, step: 1 }));
}

export interface StepRange {
  /** The first step, counted from 0. */
  readonly from: number;
  readonly count: number;
}

/** Factors of a range of steps, float32 [count] by name. */
export function stepFactors(
  settings: OptimiserSettings,
  schedule: Schedule,
  range: StepRange,
): Map<string, Float32Array> {
  const columns = exactStepFactors(settings, schedule, range);
  return new Map([...columns].map(([name, column]) => [name, Float32Array.from(column)]));
}

/** Factors as they are computed, float64. */
export function exactStepFactors(
  settings: OptimiserSettings,
  schedule: Schedule,
  { from, count }: StepRange,
): Map<string, Float64Array> {
  const columns = new Map(factorNames(settings).map((name) => [name, new Float64Array(count)]));
  for (let i = 0; i < count; i++) {
    const lr = learningRate(schedule, from + i);
    const numbers = OPTIMISERS[settings.kind].factors(settings, { lr, step: from + i + 1 });
    for (const [name, column] of columns) column[i] = numbers[name] ?? NaN;
  }
  return columns;
}
