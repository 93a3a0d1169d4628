// Stored runs: uploads what a run needs, stores its configuration and plan as a revision, reads them back, says what is left to do.
import { z } from 'zod';
import { digestOf } from '../../core/identity/digest.js';
import { STAGES, type RunStage } from '../../schemas/stages.js';
import type { ResumeMode } from '../../schemas/messages.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { putDataBytes, putDataFile } from '../../storage/records/data-objects.js';
import { putRunDocument } from '../../storage/records/runs.js';
import { latestSnapshot } from '../../storage/records/snapshots.js';
import { createPinnedReader } from './pinned.js';
import { initialPlan } from './plan-record.js';
import { writePlan } from '../../storage/records/plan-record.js';
import { planWork, type StageWork } from './plan-work.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { Upload } from '../resolve/resolve-run.js';
import { planStageUnits } from './stage-units.js';

/** Whether two resolved runs ask for the same, whoever started them and when. */
export function sameRequest(a: ResolvedRun, b: ResolvedRun): boolean {
  return requestDigest(a) === requestDigest(b);
}

function requestDigest(run: ResolvedRun): string {
  const { name, until, limitDocuments, model, sites, engine, dictionaries, parts } = run;
  // Where results lie and who started the run change nothing that is asked for.
  const file = { ...run.file, store: null, storeOptions: null };
  const digests = parts.map((part) => part.digest);
  return digestOf({
    name,
    until,
    limitDocuments,
    model,
    sites,
    engine,
    dictionaries,
    file,
    digests,
  });
}

/** Stores what a run or a training needs besides its corpus. Safe to repeat. */
export async function storeUploads(store: ObjectStore, uploads: readonly Upload[]): Promise<void> {
  for (const { content, stored, extension } of uploads) {
    const { sha256, bytes } = stored;
    if ('bytes' in content) await putDataBytes(store, { bytes: content.bytes, extension });
    else await putDataFile(store, { path: content.path, extension, sha256, bytes });
  }
}

/** Uploads model, values of its edits and tokenizer, then stores configuration and first plan. Safe to repeat. */
export async function storeRun(store: ObjectStore, run: ResolvedRun, uploads: readonly Upload[]): Promise<void> {
  await storeUploads(store, uploads);
  await putRunDocument(store, run, {
    document: 'config',
    value: run,
    schema: z.unknown(),
  });
  await writePlan(store, initialPlan(run));
}

/** The stages that a run consists of. */
export function stagesOf(run: ResolvedRun): RunStage[] {
  const last = run.dictionaries.length === 0 ? 'activations' : 'index';
  const end = Math.min(STAGES.indexOf(run.until), STAGES.indexOf(last));
  return STAGES.slice(0, end + 1);
}

export interface RemainingWork {
  /** Per stage what is left; `null`: known only after an earlier stage. */
  readonly stages: readonly { readonly stage: RunStage; readonly work: StageWork | null }[];
  /** Whether nothing is left and every dataset is published whole. */
  readonly complete: boolean;
}

/** Plan minus commits for every stage, by listings and snapshots alone. */
export async function remainingWork(store: ObjectStore, run: ResolvedRun, mode: ResumeMode): Promise<RemainingWork> {
  const pinned = createPinnedReader(store, run.revision);
  const stages: { stage: RunStage; work: StageWork | null }[] = [];
  let complete = true;
  for (const stage of stagesOf(run)) {
    const units = await planStageUnits(run, stage, pinned);
    const work = units && (await planWork(store, units, mode));
    stages.push({ stage, work });
    complete &&= work !== null && work.todo.length === 0;
    if (units && stage === stagesOf(run).at(-1)) {
      const snapshots = await Promise.all(units.datasets.map(({ dataset }) => latestSnapshot(store, dataset)));
      complete &&= snapshots.every((snapshot) => snapshot?.complete === true && snapshot.revision === run.revision);
    }
  }
  return { stages, complete };
}
