// Waits for what `assay status --json` says of a run.
import { setTimeout as sleep } from 'node:timers/promises';
import type { StageName } from '../../../schemas/stages.js';
import type { Project } from './project.js';

export interface Status {
  readonly state: string;
  readonly reason: string | null;
  readonly stages: readonly {
    readonly stage: StageName;
    readonly dataset: string;
    readonly done: number;
    readonly planned: number | null;
    readonly quarantined: number;
  }[];
}

export const ENDED: readonly string[] = ['completed', 'failed', 'cancelled'];

/** The first status for which `test` holds. @throws after `seconds`, with the last status */
export async function untilStatus(
  project: Project,
  test: (status: Status) => boolean,
  { run = 'small', seconds = 120 } = {},
): Promise<Status> {
  const deadline = Date.now() + seconds * 1000;
  let last = 'no status';
  while (Date.now() < deadline) {
    const result = await project.assay('status', run, '--json');
    last = result.stdout + result.stderr;
    if (result.code === 0) {
      const status = JSON.parse(result.stdout) as Status;
      if (test(status)) return status;
    }
    await sleep(200);
  }
  throw new Error(`run ${run} did not get there within ${seconds} s: ${last}`);
}

/** Done and planned of a stage's first dataset. */
export function progressOf(status: Status, stage: StageName): { done: number; planned: number } {
  const row = status.stages.find((entry) => entry.stage === stage);
  return { done: row?.done ?? 0, planned: row?.planned ?? 0 };
}
