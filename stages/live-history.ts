// What has become of a run or a training, by its events and by the process that a training is: one that was killed says no more, and
// nobody goes on with it.
import os from 'node:os';
import { pidSpace, processStart } from '../runtime/child/process-identity.js';
import type { RunEvent } from '../schemas/records.js';
import { foldEvents, type RecordedProcess, type RunHistory } from '../storage/records/run-history.js';

/** This process, for the event with which it begins. */
export async function ownProcess(): Promise<RecordedProcess> {
  const [machine, start] = await Promise.all([pidSpace(), processStart(process.pid)]);
  return { pid: process.pid, host: os.hostname(), machine, start: start ?? '' };
}

/** What the events say, and `failed` where the process that wrote them is gone without a last one. */
export async function liveHistory(events: readonly RunEvent[]): Promise<RunHistory> {
  const history = foldEvents(events);
  const { process: by } = history;
  if (history.state !== 'running' || by === null || !(await isGone(by))) return history;
  const reason = `its process (pid ${by.pid} on ${by.host}) is gone without a word, as after SIGKILL; the same command goes on from the last checkpoint`;
  return { ...history, state: 'failed', reason };
}

/** Of another machine's processes nothing is known. */
async function isGone({ pid, machine, start }: RecordedProcess): Promise<boolean> {
  if (machine === '' || machine !== (await pidSpace())) return false;
  return (await processStart(pid)) !== start;
}
