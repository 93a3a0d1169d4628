// Asks Temporal whether anybody polls a queue: only the worker's process can, the workflow that waits cannot.
import type { ActivityDependencies } from './dependencies.js';

export function isQueueServedActivity(
  { queue }: { readonly queue: string },
  dependencies: ActivityDependencies,
): Promise<boolean> {
  return dependencies.isPolled(queue);
}
