// Ctrl-C while the thread is in work that lets nothing else happen: a stranger's pattern, a graph in ONNX Runtime. A handler would wait
// for its end, which may never come; without one the system's own answer holds and ends the process at once. Nothing that such work is
// part of may leave a file half written.
import { onPhase } from '../runtime/phase.js';

/** Pieces of such work that have begun and not ended. */
let open = 0;
let kept: NodeJS.SignalsListener[] = [];

function enter(): void {
  if (open++ > 0) return;
  kept = process.listeners('SIGINT');
  process.removeAllListeners('SIGINT');
}

function leave(): void {
  if (--open > 0) return;
  for (const listener of kept) process.on('SIGINT', listener);
}

/** Does work of that kind. */
export function endedByInterrupt<T>(work: () => T): T {
  enter();
  try {
    return work();
  } finally {
    leave();
  }
}

/** From now on every call of ONNX Runtime in this process is such work. */
export function endComputingByInterrupt(): void {
  onPhase((phase) => {
    if (phase === 'work') leave();
    else enter();
  });
}
