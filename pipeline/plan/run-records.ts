// Stored runs: uploads what a run needs, stores its configuration and plan as a revision, reads them back, says what is left to do.
import { digestOf } from '../../core/identity/digest.js';
import type { ResumeMode } from '../../schemas/messages.js';
import type { StageName } from '../../schemas/stages.js';
import { mapParallel } from '../../storage/records/parallel.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { putDataBytes, putDataFile } from '../../storage/records/data-objects.js';
import { claimRevision, takenRevision } from './revisions.js';
import { latestSnapshot } from '../../storage/records/snapshots.js';
import { workOfRun } from '../../stages/work.js';
import { createPinnedReader } from '../../stages/pinned.js';
import { initialPlan } from './plan-record.js';
import { createPlan } from '../../storage/records/plan-record.js';
import { planWork, type StepWork } from './plan-work.js';
import { planSteps, stepsOfRun } from './steps.js';
import { parseResolvedRun, type ResolvedRun } from '../../schemas/resolved-run.js';
import type { Upload } from '../resolve/upload.js';

const SNAPSHOTS_AT_ONCE = 16;

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

/**
 * Uploads model, values of its edits and tokenizer, then stores configuration and first plan. Safe to repeat. Gives the run that
 * stands for the revision: this one, or one that asks for the same and was stored first.
 * @throws InputError where another file got the revision at the same moment
 */
export async function storeRun(store: ObjectStore, run: ResolvedRun, uploads: readonly Upload[]): Promise<ResolvedRun> {
  await storeUploads(store, uploads);
  const { record, created } = await claimRevision(store, run, 'config');
  const standing = created ? run : parseResolvedRun(record, `runs/${run.name}/${run.revision}/config.json`);
  if (!sameRequest(standing, run)) throw takenRevision(store, run);
  await createPlan(store, initialPlan(standing, stepsOfRun(standing)));
  return standing;
}

/** What is left of one step; `work` null: known only after an earlier step. */
export interface RemainingStep {
  readonly id: string;
  readonly stage: StageName;
  readonly work: StepWork | null;
}

export interface RemainingWork {
  readonly steps: readonly RemainingStep[];
  /** Whether nothing is left and every dataset is published whole. */
  readonly complete: boolean;
}

/** Plan minus commits for every step, by listings and snapshots alone. */
export async function remainingWork(store: ObjectStore, run: ResolvedRun, mode: ResumeMode): Promise<RemainingWork> {
  const work = workOfRun(run);
  const pinned = createPinnedReader(store, work);
  const steps: RemainingStep[] = [];
  let complete = true;
  for (const step of stepsOfRun(run)) {
    const { id, stage } = step;
    const units = await planSteps(work, [step], pinned);
    const left = units && (await planWork(store, units, mode));
    steps.push({ id, stage, work: left });
    complete &&= left !== null && left.todo.length === 0 && (await arePublished(store, run, units?.datasets ?? []));
  }
  return { steps, complete };
}

async function arePublished(
  store: ObjectStore,
  { revision }: ResolvedRun,
  datasets: readonly { readonly dataset: string }[],
): Promise<boolean> {
  const snapshots = await mapParallel(datasets, SNAPSHOTS_AT_ONCE, ({ dataset }) => latestSnapshot(store, dataset));
  return snapshots.every((snapshot) => snapshot?.complete === true && snapshot.revision === revision);
}
