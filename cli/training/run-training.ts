// `model train` without Temporal: corpus, tokens, streams and models, one stage after the other, through the same plans, lots
// and commits as the workers of a run. What is committed already is skipped, so running it again is resuming it.
import type { StageName } from '../../schemas/stages.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { committedStreams, modelUnits, streamUnits } from '../../pipeline/plan/training-units.js';
import { publishUnits, type Published } from '../../pipeline/execute/publish-units.js';
import type { ResolvedTraining } from '../../pipeline/resolve/resolve-training.js';
import { writeTrainingPlan } from '../../pipeline/plan/training-records.js';
import { datasetNames } from '../../stages/dataset-names.js';
import { createPinnedReader } from '../../pipeline/plan/pinned.js';
import { planWork } from '../../pipeline/plan/plan-work.js';
import type { CorpusRun } from '../../pipeline/plan/stage-settings.js';
import { corpusUnits, tokensUnits, type StageUnits } from '../../pipeline/plan/stage-units.js';
import { checkDuplicateIds } from '../../stages/tokens/duplicate-ids.js';
import type { WorkItem } from '../../stages/stage.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { putKeyPreimage } from '../../storage/records/key-preimages.js';
import type { Journal } from './journal.js';
import type { Reporter } from './reporter.js';
import { runUnits } from './run-units.js';
import type { Workshop } from './workshop.js';

export interface TrainingRun {
  readonly store: ObjectStore;
  readonly training: ResolvedTraining;
  readonly workshop: Workshop;
  readonly journal: Journal;
  readonly reporter: Reporter;
  readonly stop: AbortSignal;
  /** Train this model alone. */
  readonly only: string | null;
}

/** The planned models; null where it was told to stop before they were known. */
export async function runTraining(run: TrainingRun): Promise<StageUnits | null> {
  const known: StageUnits[] = [];
  const { corpus } = run.training;
  const stages: readonly (readonly [StageName, () => Promise<StageUnits | null>])[] = [
    ...(corpus
      ? ([
          ['corpus', () => Promise.resolve(corpusUnits(corpus))],
          ['tokens', () => tokensUnits(corpus, reader(run))],
        ] as const)
      : []),
    ['stream', () => streamUnits(run.training, reader(run))],
    ['language-model', () => plannedModels(run, known)],
  ];
  for (const [stage, plan] of stages) {
    const units = await plan();
    if (!units)
      throw new DataError(
        `Expected the stages before ${stage} to be complete, found that some of their results are missing; run the command again.`,
        { stage },
      );
    known.push(units);
    if (!(await runStage(run, units, known))) return stage === 'language-model' ? units : null;
  }
  return known.at(-1) ?? null;
}

/** Results of this process are not seen by a reader that looked before. */
function reader({ store, training }: TrainingRun): ReturnType<typeof createPinnedReader> {
  return createPinnedReader(store, training.tokens.revision);
}

async function plannedModels(run: TrainingRun, known: readonly StageUnits[]): Promise<StageUnits | null> {
  const streams = known.find(({ stage }) => stage === 'stream');
  const committed = streams && (await committedStreams(run.store, streams));
  return committed ? modelUnits(run.training, committed) : null;
}

/** Whether the stage was done to its end. */
async function runStage(run: TrainingRun, units: StageUnits, known: readonly StageUnits[]): Promise<boolean> {
  const { store, training, journal, reporter } = run;
  const { stage } = units;
  for (const preimage of units.preimages) await putKeyPreimage(store, preimage);
  await writeTrainingPlan(store, training, known);
  const work = await planWork(store, units, 'errored');
  const todo = work.todo.filter(({ item }) => isWanted(run, units, item));
  if (stage === 'tokens' && training.corpus && todo.length > 0) await refuseDuplicateIds(run, training.corpus);
  journal.stage(stage);
  const lots = todo.length;
  await journal.event('stage-started', { stage, items: lots, planned: work.planned, lots });
  reporter.begin(units, todo);
  const done = await runUnits({
    ...{ store, stage, units: todo, workshop: run.workshop, stop: run.stop },
    ref: { run: training.name, revision: training.revision },
    onProgress: (item, progress) => {
      journal.progress(progress);
      reporter.progress(item, progress);
    },
    onEnded: (item, failure) => {
      reporter.ended(item, failure);
    },
  });
  const published: Published = await publishUnits(store, units, training.revision);
  if (done) await journal.event('stage-finished', { stage, ...published });
  return done;
}

/** Everything but models that were not asked for. */
function isWanted({ only, training }: TrainingRun, units: StageUnits, item: WorkItem): boolean {
  if (units.stage !== 'language-model' || only === null) return true;
  const dataset = units.datasets[training.models.findIndex(({ name }) => name === only)];
  return dataset !== undefined && item.keys.includes(dataset.key);
}

/** One document id in two parts would number two documents alike. @throws DataError naming the id and both parts */
async function refuseDuplicateIds(run: TrainingRun, corpus: CorpusRun): Promise<void> {
  const { workshop, stop } = run;
  const pinned = await reader(run)(datasetNames(corpus.name).corpus);
  const byPart = new Map((pinned?.commits ?? []).map((commit) => [(commit.inputs as { part: string }).part, commit]));
  const parts = corpus.parts.flatMap((part) => {
    const commit = byPart.get(part.digest);
    return commit ? [{ commit, name: part.location }] : [];
  });
  await checkDuplicateIds({
    commits: parts.map(({ commit }) => commit),
    names: parts.map(({ name }) => name),
    seed: corpus.file.seed,
    fetch: (object) => workshop.cache.fetch(object, stop),
  });
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
