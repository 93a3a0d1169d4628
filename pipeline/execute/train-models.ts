// `model train` from the resolved training to what became of each model: records, children, steps, and how it ended.
import os from 'node:os';
import { InputError } from '../../schemas/errors.js';
import type { ResolvedTraining } from '../../schemas/resolved-training.js';
import type { StageContext, WorkItem } from '../../stages/stage.js';
import type { PlannedUnit, Step, StepUnits } from '../../stages/step.js';
import { stepsOf } from '../../stages/table.js';
import { workOfTraining } from '../../stages/work.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { assertUsableStore } from '../../storage/probe/probe-store.js';
import { createPinnedReader } from '../../stages/pinned.js';
import { planSteps } from '../plan/steps.js';
import { storeTraining } from '../plan/training-records.js';
import type { Upload } from '../resolve/upload.js';
import { openHost } from './host.js';
import { Journal } from './journal.js';
import { runStepsHere, type StepEvents } from './run-steps.js';
import { summarise, type TrainedSummary } from './training-summary.js';

/** What a training tells while it goes on. */
export interface TrainingReporter {
  begin(units: StepUnits, todo: readonly PlannedUnit[]): void;
  progress(item: WorkItem, progress: Parameters<StageContext['progress']>[0]): void;
  ended(item: WorkItem, failure: string | null): void;
}

export interface TrainModelsInput {
  readonly store: ObjectStore;
  readonly training: ResolvedTraining;
  readonly uploads: readonly Upload[];
  /** Train this model alone. */
  readonly only: string | null;
  readonly reporter: TrainingReporter;
  readonly stop: AbortSignal;
  readonly folder: string;
  readonly slots: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Trained {
  /** False where it was interrupted. */
  readonly finished: boolean;
  readonly summaries: readonly TrainedSummary[];
}

/** Bytes of stored objects that are kept locally. */
const CACHE_BYTES = 20 * 2 ** 30;
/** Share of the machine's memory that one child may take. */
const CHILD_MEMORY = 0.9;

export async function trainModels(input: TrainModelsInput): Promise<Trained> {
  const { store, training, stop } = input;
  await assertUsableStore(store);
  await storeTraining(store, training, input.uploads);
  const journal = new Journal(store, training);
  const planned = await runAll(input, journal);
  const summaries = await summarise(store, training, planned);
  if (stop.aborted) await journal.end('cancelled', {});
  else await journal.end(...outcome(summaries, input.only));
  return { finished: !stop.aborted, summaries };
}

/** What was planned for the models; null where it was told to stop before. */
async function runAll(input: TrainModelsInput, journal: Journal): Promise<StepUnits | null> {
  const { store, training, reporter, stop, folder, slots, environment, only } = input;
  const memoryBytes = Math.floor(os.totalmem() * CHILD_MEMORY);
  const host = await openHost({ folder, slots, memoryBytes, cacheBytes: CACHE_BYTES, environment });
  const stopAll = (): void => {
    host.children.stopAll();
  };
  stop.addEventListener('abort', stopAll, { once: true });
  const work = workOfTraining(training);
  try {
    await journal.start();
    const planned = await runStepsHere({
      ...{ store, work, steps: stepsOf(work), host, stop },
      events: stepEventsOf(journal, reporter),
      wanted: (step, units, item) =>
        step.stage !== 'language-model' || only === null || isModel(training, { units, item, only }),
    });
    return planned.get('language-model') ?? null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Where the store itself failed, there is nobody to tell.
    await journal.end('failed', { message }).catch(() => undefined);
    throw error;
  } finally {
    stop.removeEventListener('abort', stopAll);
    await host.close();
  }
}

/** What steps tell the store and people. */
export function stepEventsOf(journal: Journal, reporter: TrainingReporter): StepEvents {
  return {
    begin: async ({ stage, id }: Step, units, todo) => {
      journal.stage(stage);
      const planned = units.groups.reduce((n, group) => n + group.units.length, 0);
      const data = { stage, step: id, items: todo.length, planned, lots: todo.length };
      await journal.event('stage-started', data);
      reporter.begin(units, todo);
    },
    progress: (item, progress) => {
      journal.progress(progress);
      reporter.progress(item, progress);
    },
    ended: (item, failure) => {
      reporter.ended(item, failure);
    },
    finished: ({ stage, id }, published) => journal.event('stage-finished', { stage, step: id, ...published }),
  };
}

/** What `--dry-run` knows: the models, and of those that were planned before, how far they are. Writes nothing. */
export async function dryRun(store: ObjectStore, training: ResolvedTraining, known: boolean): Promise<Trained> {
  const work = workOfTraining(training);
  const steps = stepsOf(work).filter(({ stage }) => stage === 'language-model');
  const planned = known || !training.corpus ? await planSteps(work, steps, createPinnedReader(store, work)) : null;
  return { finished: true, summaries: await summarise(store, training, planned) };
}

/** @throws InputError where no model has that name */
export function checkOnly(training: ResolvedTraining, only: string | null): void {
  const names = training.models.map(({ name }) => name);
  if (only === null || names.includes(only)) return;
  throw new InputError(
    `Expected the name of a model of the training, found "${only}"; there are ${names.slice(0, 20).join(', ')}.`,
    { model: only, names },
  );
}

/** Whether an item makes the model of that name. */
export function isModel(
  training: ResolvedTraining,
  { units, item, only }: { readonly units: StepUnits; readonly item: WorkItem; readonly only: string },
): boolean {
  const dataset = units.datasets[training.models.findIndex(({ name }) => name === only)];
  return dataset !== undefined && item.keys.includes(dataset.key);
}

function outcome(
  summaries: readonly TrainedSummary[],
  only: string | null,
): [type: 'completed' | 'failed', data: Record<string, unknown>] {
  const failed = summaries.filter(({ entry }) => entry.state === 'failed' && (only ?? entry.model) === entry.model);
  const first = failed[0]?.entry;
  if (!first) return ['completed', {}];
  const message = `${failed.length} of ${summaries.length} models failed; ${first.model}: ${first.error?.message ?? ''}`;
  return ['failed', { message }];
}
