// What a compute child may have where nobody says it: workers give it, and plans compare with it.
import os from 'node:os';

/** Ceiling of a compute child: 80 % of the machine's memory, shared by its cores. */
export function defaultChildBytes(): number {
  return Math.floor((os.totalmem() * 0.8) / Math.max(1, os.availableParallelism()));
}
