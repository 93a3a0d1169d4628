// What is planned, stored and missing per dataset, with what it is likely to cost. Reads the store; writes nothing.
import os from 'node:os';
import type { z } from 'zod';
import { type planDocument } from '../../schemas/documents/runs.js';
import { estimateSteps } from '../../pipeline/plan/estimate.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { remainingWork, sameRequest } from '../../pipeline/plan/run-records.js';
import { stepsOfRun } from '../../pipeline/plan/steps.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listCommitInputs } from '../../storage/records/commits.js';

export type PlanRow = z.input<typeof planDocument>['stages'][number];

export interface PlanRowsOptions {
  /** Whether the whole corpus is read to count it. */
  readonly exact: boolean;
  /** Folder of the run file. */
  readonly folder: string;
}

/** One row per dataset of the run, step by step. Bytes and seconds are those of the whole step's missing share, said once. */
export async function planRows(store: ObjectStore, run: ResolvedRun, options: PlanRowsOptions): Promise<PlanRow[]> {
  const estimates = await estimateSteps(run, options);
  const stored = await latestRevision(store, run.name);
  const same = stored !== null && sameRequest(stored, run) ? stored : null;
  const left = same ? await remainingWork(store, same, 'missing') : null;
  const rows: PlanRow[] = [];
  for (const { stage, id: step, makes } of stepsOfRun(run)) {
    const work = left?.steps.find(({ id }) => id === step)?.work ?? null;
    const estimate = estimates.get(step) ?? { items: null, bytes: null, seconds: null };
    for (const [i, { dataset, key }] of makes.entries()) {
      const planned = work?.planned ?? estimate.items;
      const cached = work?.committed ?? (key === null ? null : (await listCommitInputs(store, stage, key)).size);
      const missing = planned === null || cached === null ? null : Math.max(0, planned - cached);
      const share = planned === null || missing === null || planned === 0 ? 1 : missing / planned;
      const first = i === 0 ? estimate : { bytes: null, seconds: null };
      rows.push({
        ...{ stage, step, dataset, key, planned, cached, missing },
        lots: missing === null ? null : lotsOf(missing),
        bytes: first.bytes === null ? null : Math.round(first.bytes * share),
        seconds: first.seconds === null ? null : first.seconds * share,
      });
    }
  }
  return rows;
}

/** Bytes that the missing work is likely to store. */
export function missingBytes(rows: readonly PlanRow[]): number {
  return rows.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
}

function lotsOf(missing: number): number {
  const each = Math.max(1, Math.floor(missing / (4 * os.availableParallelism())));
  return Math.min(missing, Math.max(1, Math.ceil(missing / each)));
}
