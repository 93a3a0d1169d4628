// What is planned, stored and missing per dataset, with what it is likely to cost. Reads the store; writes nothing.
import os from 'node:os';
import type { z } from 'zod';
import { type planDocument } from '../../schemas/documents/runs.js';
import { estimateSteps } from '../../pipeline/plan/estimate.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { foreseeSteps } from '../../pipeline/plan/foresee.js';
import type { StepWork } from '../../pipeline/plan/plan-work.js';
import { sameRequest } from '../../pipeline/plan/run-records.js';
import { stepsOfRun } from '../../pipeline/plan/steps.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import type { StageName } from '../../schemas/stages.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listCommitInputs } from '../../storage/records/commits.js';

export type PlanRow = z.input<typeof planDocument>['stages'][number];

export interface PlanRowsOptions {
  /** Whether the whole corpus is read to count it. */
  readonly exact: boolean;
  /** Folder of the run file. */
  readonly folder: string;
}

/**
 * One row per dataset of the run, step by step. A step whose inputs lie in the store whole is planned as the run will plan it;
 * the others are estimated. Bytes and seconds are those of the whole step's missing share, said once.
 */
export async function planRows(store: ObjectStore, run: ResolvedRun, options: PlanRowsOptions): Promise<PlanRow[]> {
  const estimates = await estimateSteps(run, options);
  const stored = await latestRevision(store, run.name);
  const same = stored !== null && sameRequest(stored, run) ? stored : run;
  const foreseen = await foreseeSteps(store, same, 'missing');
  const rows: PlanRow[] = [];
  for (const { id: step, stage, makes } of stepsOfRun(run)) {
    const work = foreseen.get(step);
    const estimate = estimates.get(step) ?? { items: null, bytes: null, seconds: null };
    const share = !work ? 1 : work.planned === 0 ? 0 : work.todo.length / work.planned;
    for (const [i, { dataset, key }] of makes.entries()) {
      const counts = work ? countsOf(work) : guess(estimate.items, await isNothingUnder(store, stage, key));
      const first = i === 0 ? estimate : { bytes: null, seconds: null };
      rows.push({
        ...{ stage, step, dataset, key, known: work !== undefined, ...counts },
        bytes: first.bytes === null ? null : Math.round(first.bytes * share),
        seconds: first.seconds === null ? null : first.seconds * share,
      });
    }
  }
  return rows;
}

type Counts = Pick<PlanRow, 'planned' | 'cached' | 'quarantined' | 'missing' | 'lots'>;

/** Where something lies under the key it may be another corpus's: nobody can say before the steps before it are done. */
function guess(planned: number | null, nothingThere: boolean): Counts {
  if (planned === null || !nothingThere) return { planned, cached: null, quarantined: null, missing: null, lots: null };
  return { planned, cached: 0, quarantined: 0, missing: planned, lots: lotsOf(planned) };
}

async function isNothingUnder(store: ObjectStore, stage: StageName, key: string | null): Promise<boolean> {
  return key !== null && (await listCommitInputs(store, stage, key)).size === 0;
}

function countsOf({ planned, committed, quarantined, todo }: StepWork): Counts {
  return { planned, cached: committed, quarantined, missing: todo.length, lots: lotsOf(todo.length) };
}

/** Bytes that the missing work is likely to store. */
export function missingBytes(rows: readonly PlanRow[]): number {
  return rows.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
}

function lotsOf(missing: number): number {
  const each = Math.max(1, Math.floor(missing / (4 * os.availableParallelism())));
  return Math.min(missing, Math.max(1, Math.ceil(missing / each)));
}
