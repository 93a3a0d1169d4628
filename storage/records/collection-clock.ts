// Spans of time as one process sees them, for waiting on a collection: machines sleep and clocks are set, so a span is known only
// within bounds. In a module of its own, so that a test can play all courses of time.
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

export interface Stopwatch {
  /** Milliseconds that have passed at least, and at most. */
  least(): number;
  most(): number;
}

export function startStopwatch(): Stopwatch {
  const [steady, wall] = [performance.now(), Date.now()];
  return {
    // The steady clock may stand still while the machine sleeps, the wall clock may be set.
    least: () => performance.now() - steady,
    most: () => Math.max(performance.now() - steady, Date.now() - wall),
  };
}

/** @throws the signal's reason */
export async function sleepFor(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await pause(ms, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Calls the action again and again until the function that it returns is called. */
export function repeatEvery(ms: number, action: () => void): () => void {
  const timer = setInterval(action, ms);
  timer.unref();
  return () => clearInterval(timer);
}
