// What is planned, stored and missing per dataset, with what it is likely to cost. Reads the store; writes nothing.
import os from 'node:os';
import type { z } from 'zod';
import { type planDocument } from '../../schemas/documents/runs.js';
import type { StageName } from '../../schemas/stages.js';
import { estimateStages } from '../../pipeline/plan/estimate.js';
import { plannedDatasets } from '../../pipeline/plan/plan-record.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { remainingWork, sameRequest, stagesOf } from '../../pipeline/plan/run-records.js';
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

/** One row per dataset of the run, in the order of the stages. Bytes and seconds are those of the whole stage's missing share. */
export async function planRows(store: ObjectStore, run: ResolvedRun, options: PlanRowsOptions): Promise<PlanRow[]> {
  const estimates = await estimateStages(run, options);
  const stored = await latestRevision(store, run.name);
  const same = stored !== null && sameRequest(stored, run) ? stored : null;
  const left = same ? await remainingWork(store, same, 'missing') : null;
  const rows: PlanRow[] = [];
  for (const { stage, dataset, key } of plannedDatasets(run)) {
    if (!stagesOf(run).includes(stage)) continue;
    const work = left?.stages.find((s) => s.stage === stage)?.work ?? null;
    const estimate = estimates[stage];
    const planned = work?.planned ?? estimate.items;
    const cached = work?.committed ?? (key === null ? null : (await listCommitInputs(store, stage, key)).size);
    const missing = planned === null || cached === null ? null : Math.max(0, planned - cached);
    const share = planned === null || missing === null || planned === 0 ? 1 : missing / planned;
    rows.push({
      ...{ stage, dataset, key, planned, cached, missing },
      lots: missing === null ? null : lotsOf(missing),
      bytes: estimate.bytes === null ? null : Math.round(estimate.bytes * share),
      seconds: estimate.seconds === null ? null : estimate.seconds * share,
    });
  }
  return rows;
}

/** Bytes that the missing work is likely to store: each stage counts once, however many datasets it has. */
export function missingBytes(rows: readonly PlanRow[]): number {
  const byStage = new Map<StageName, number>();
  for (const { stage, bytes } of rows) byStage.set(stage, Math.max(byStage.get(stage) ?? 0, bytes ?? 0));
  return [...byStage.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function lotsOf(missing: number): number {
  const each = Math.max(1, Math.floor(missing / (4 * os.availableParallelism())));
  return Math.min(missing, Math.max(1, Math.ceil(missing / each)));
}
