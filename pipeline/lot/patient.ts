// The compute children of a lot, whose calls may be silent for as long as the run's tolerance says.
import type { ComputeChildren } from '../../stages/stage.js';

/** Children with the run's own patience. */
export function patient(children: ComputeChildren, noProgressMs: number | undefined): ComputeChildren {
  if (noProgressMs === undefined) return children;
  return {
    call: (task, request, call) => children.call(task, request, { noProgressMs, ...call }),
    stopAll: () => children.stopAll(),
    memoryLimitBytes: children.memoryLimitBytes,
  };
}
