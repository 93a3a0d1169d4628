// Waits for what `assay status --json` says of a run or of a suite.
import { setTimeout as sleep } from 'node:timers/promises';
import { memberNames } from '../../../pipeline/files/matrix.js';
import { readRunStatus } from '../../../reading/runs/run-status.js';
import { readSuiteStatus } from '../../../reading/runs/suite-status.js';
import type { StageName } from '../../../schemas/stages.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { findRun } from '../../../storage/records/run-history.js';
import { findSuite } from '../../../storage/records/suites.js';
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

const LOOK_MS = 200;

/** The first status for which `test` holds, as the command says it. @throws after `seconds`, with the last status */
export async function untilStatus(
  project: Project,
  test: (status: Status) => boolean,
  { run = 'small', seconds = 120 } = {},
): Promise<Status> {
  return until<Status>(project, {
    ...{ name: `run ${run}`, seconds, test },
    look: async (store) => readRunStatus(store, await findRun(store, run)),
    say: () => project.json<Status>('status', run),
  });
}

export interface SuiteStatus {
  readonly state: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly members: readonly { readonly run: string; readonly state: string; readonly reason: string | null }[];
}

/** As `untilStatus`, of a suite. */
export async function untilSuite(
  project: Project,
  test: (status: SuiteStatus) => boolean,
  { suite, seconds = 120 }: { readonly suite: string; readonly seconds?: number },
): Promise<SuiteStatus> {
  return until(project, {
    ...{ name: `suite ${suite}`, seconds, test },
    look: async (store) => {
      const found = await findSuite(store, suite);
      return found && readSuiteStatus(store, found, memberNames(found));
    },
    say: () => project.json<SuiteStatus>('status', suite),
  });
}

interface Waiting<Found> {
  readonly name: string;
  readonly seconds: number;
  readonly test: (found: Found) => boolean;
  /** Null while there is nothing to see. */
  readonly look: (store: ObjectStore) => Promise<Found | null>;
  /** What the command says. */
  readonly say: () => Promise<Found>;
}

/**
 * Between two commands the store is read here: a command for each look would take the cores from what is watched.
 * @throws after so many seconds, with what was seen last
 */
async function until<Found>(project: Project, { name, seconds, test, look, say }: Waiting<Found>): Promise<Found> {
  const deadline = Date.now() + seconds * 1000;
  const store = await project.openStore();
  let last: Found | null = null;
  try {
    while (Date.now() < deadline) {
      last = await look(store).catch(() => null);
      if (last !== null && test(last)) {
        const said = await say();
        if (test(said)) return said;
      }
      await sleep(LOOK_MS);
    }
  } finally {
    await store.close();
  }
  throw new Error(`${name} did not get there within ${seconds} s: ${JSON.stringify(last)}`);
}

/** Done and planned of a stage's first dataset. */
export function progressOf(status: Status, stage: StageName): { done: number; planned: number } {
  const row = status.stages.find((entry) => entry.stage === stage);
  return { done: row?.done ?? 0, planned: row?.planned ?? 0 };
}
