// What this process is doing, for whoever watches it: ONNX Runtime blocks the thread, so a call of it is announced before.
import type { Phase } from './child/watchdog.js';

let listener: ((phase: Phase) => void) | null = null;

/** Who hears of phases; null for nobody: the worker of a compute child, in which one task at a time runs, or the command line. */
export function onPhase(listen: ((phase: Phase) => void) | null): void {
  listener = listen;
}

/** Does `work` as a phase of its own. */
export async function inPhase<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
  listener?.(phase);
  try {
    return await work();
  } finally {
    listener?.('work');
  }
}
