// What a worker's sign of life says of the work in hand, in words. The one place that knows what the names of a beat mean. Pure.
import { counted, countText } from './quantities.js';

/** What a training does beside its steps, as `doing` of its beat says it. */
const DOING_TEXT: Readonly<Record<string, string>> = { compiling: 'compiling its step', reading: 'reading rows' };

/** Null for steps, and for what a later release may do. */
export function doingText(doing: unknown): string | null {
  return typeof doing === 'string' ? (DOING_TEXT[doing] ?? null) : null;
}

/** `step 646 of 1,464`; without the total where it is not known. */
export function stepText(step: number, steps: number | null): string {
  return `step ${countText(step)}${steps === null ? '' : ` of ${countText(steps)}`}`;
}

/**
 * The parts of `in hand: …`. Rows and tokens of a training follow from its step, so the step stands alone.
 * @param steps of a training; null: not known
 */
export function progressParts(progress: Readonly<Record<string, unknown>>, steps: number | null): string[] {
  const { step, loss } = progress;
  const size = (name: string): string[] => {
    const value = progress[`${name}s`];
    return typeof value === 'number' ? [counted(value, name)] : [];
  };
  const doing = doingText(progress['doing']);
  const done = typeof step === 'number' ? [stepText(step, steps)] : [...size('row'), ...size('token')];
  return [
    ...done,
    ...(doing === null ? [] : [doing]),
    ...(typeof loss === 'number' ? [`loss ${loss.toFixed(4)}`] : []),
  ];
}

/** `paused by a user`, `failed: the disk is full`: a reason that says the state itself stands alone. */
export function stateText(state: string, reason: string | null): string {
  if (reason === null || reason === '') return state;
  return reason.startsWith(`${state} `) ? reason : `${state}: ${reason}`;
}
