// What this process's task is doing, for whoever watches it: ONNX Runtime blocks the thread, so a call of it is announced before.
import type { Phase } from './watchdog.js';

let listener: ((phase: Phase) => void) | null = null;

/** Who hears of phases; null for nobody. One task at a time runs in a compute child. */
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
