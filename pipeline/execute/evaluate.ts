// `sae eval` from a stored dictionary to its published evaluation: the steps of the evaluate stage in this process, without
// Temporal. What is committed already is not computed again, so a second call answers at once and a killed one goes on.
import os from 'node:os';
import { InputError } from '../../schemas/errors.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { StageContext, WorkItem } from '../../stages/stage.js';
import type { PlannedUnit, Step, StepUnits } from '../../stages/step.js';
import type { Split } from '../../schemas/stages.js';
import { createPinnedReader } from '../../stages/pinned.js';
import { datasetNames } from '../../stages/dataset-names.js';
import { evaluateStage } from '../../stages/evaluate/stage.js';
import { evaluationName } from '../../stages/evaluate/names.js';
import { dictionaryNamed, refuseMissingSites } from '../../stages/evaluate/together.js';
import { sitesOfDictionary } from '../../stages/train/dictionary.js';
import { type EvaluationRequest, workOfRun, type Work } from '../../stages/work.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { assertUsableStore } from '../../storage/probe/probe-store.js';
import { latestRevision, readResolvedRun } from '../../storage/records/resolved-runs.js';
import { latestSnapshot } from '../../storage/records/snapshots.js';
import { openHost } from './host.js';
import { randomModelOf } from './random-model.js';
import { runStepsHere } from './run-steps.js';

export interface EvaluationReporter {
  begin(step: Step, units: StepUnits, todo: readonly PlannedUnit[]): void;
  progress(step: Step, item: WorkItem, progress: Parameters<StageContext['progress']>[0]): void;
  ended(item: WorkItem, failure: string | null): void;
}

export interface EvaluateInput {
  readonly store: ObjectStore;
  readonly name: { readonly run: string; readonly dictionary: string };
  readonly options: Omit<EvaluationRequest, 'dictionary' | 'corpus' | 'randomModel'>;
  /** A run of the same dictionaries on the model without training; null: none. */
  readonly randomModel: string | null;
  /** Run whose documents are measured; null: the dictionary's own. */
  readonly corpus: string | null;
  readonly reporter: EvaluationReporter;
  readonly stop: AbortSignal;
  readonly folder: string;
  readonly slots: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Share of the machine's memory that one child may take. */
const CHILD_MEMORY = 0.9;
const CACHE_BYTES = 20 * 2 ** 30;

/** Name of the evaluation's dataset among those of the dictionary; null where it was told to stop before. */
export async function evaluateDictionary(input: EvaluateInput): Promise<string | null> {
  const { store, name, options, stop } = input;
  await assertUsableStore(store);
  const run = await runOfDictionary(store, name);
  const corpus = input.corpus === null || input.corpus === name.run ? null : await otherRun(store, input.corpus);
  await refuseIncomplete(store, { run, corpus, dictionary: name.dictionary, together: options.together ?? [] });
  await refuseEmptySplit(store, { run: corpus ?? run, split: options.split });
  const dictionary = dictionaryNamed(run, name.dictionary);
  const { randomModel: other } = input;
  const control = other === null ? null : await randomModelOf(store, { run, dictionary, other, split: options.split });
  const request: EvaluationRequest = {
    ...{ dictionary: name.dictionary, ...options, corpus },
    ...(control && { randomModel: control }),
  };
  const own = workOfRun(run);
  const work: Work = {
    ...own,
    ...(corpus && { tokens: { run: corpus.name, revision: corpus.revision } }),
    evaluations: [request],
  };
  await runSteps(input, work);
  return stop.aborted ? null : evaluationName(request);
}

async function runSteps(input: EvaluateInput, work: Work): Promise<void> {
  const { store, reporter, stop, folder, slots, environment } = input;
  const memoryBytes = Math.floor(os.totalmem() * CHILD_MEMORY);
  const host = await openHost({ folder, slots, memoryBytes, cacheBytes: CACHE_BYTES, environment });
  const stopAll = (): void => {
    host.children.stopAll();
  };
  stop.addEventListener('abort', stopAll, { once: true });
  const steps = evaluateStage.steps(work);
  let current = steps[0] as Step;
  try {
    await runStepsHere({
      ...{ store, work, steps, host, stop },
      events: {
        begin: (step, units, todo) => {
          current = step;
          reporter.begin(step, units, todo);
          return Promise.resolve();
        },
        progress: (item, progress) => {
          reporter.progress(current, item, progress);
        },
        ended: (item, failure) => {
          reporter.ended(item, failure);
        },
        finished: () => Promise.resolve(),
      },
    });
  } finally {
    stop.removeEventListener('abort', stopAll);
    await host.close();
  }
}

/** The revision whose weights are published last. */
async function runOfDictionary(store: ObjectStore, { run, dictionary }: EvaluateInput['name']): Promise<ResolvedRun> {
  const weights = await latestSnapshot(store, datasetNames(run).dictionary(dictionary, 'weights'));
  if (weights?.complete !== true) throw incomplete(`${run}/${dictionary}/weights`, run);
  return readResolvedRun(store, { name: run, revision: weights.revision });
}

async function otherRun(store: ObjectStore, name: string): Promise<ResolvedRun> {
  const run = await latestRevision(store, name);
  if (run) return run;
  throw new InputError(
    `Expected a run of the store to take documents from, found "${name}", which is none; \`assay runs\` lists them.`,
    { run: name },
  );
}

async function refuseIncomplete(
  store: ObjectStore,
  of: {
    readonly run: ResolvedRun;
    readonly corpus: ResolvedRun | null;
    readonly dictionary: string;
    readonly together: readonly string[];
  },
): Promise<void> {
  const { run, corpus } = of;
  const dictionary = run.dictionaries.find(({ name }) => name === of.dictionary);
  if (!dictionary) throw incomplete(`${run.name}/${of.dictionary}`, run.name);
  const [own, other] = [datasetNames(run.name), datasetNames((corpus ?? run).name)];
  const sites = sitesOfDictionary(run, dictionary).names;
  const others = of.together.map((other) => dictionaryNamed(run, other));
  const beside = others.flatMap((other) => [
    own.dictionary(other.name, 'weights'),
    ...sitesOfDictionary(run, other).names.map(own.activations),
  ]);
  const measuredSites = [...new Set([dictionary, ...others].flatMap((one) => sitesOfDictionary(run, one).names))];
  if (corpus) refuseMissingSites(run, corpus, [dictionary, ...others]);
  const needed = [
    ...beside.map((dataset) => ({ dataset, of: run })),
    ...[...sites.map(own.activations), own.dictionary(of.dictionary, 'acts')].map((dataset) => ({ dataset, of: run })),
    ...[...measuredSites.map(other.activations), other.tokens].map((dataset) => ({ dataset, of: corpus ?? run })),
  ];
  for (const { dataset, of: wanted } of needed) {
    const snapshot = await latestSnapshot(store, dataset);
    if (snapshot?.complete !== true || snapshot.revision !== wanted.revision) throw incomplete(dataset, wanted.name);
  }
}

async function refuseEmptySplit(
  store: ObjectStore,
  { run, split }: { readonly run: ResolvedRun; readonly split: Split },
): Promise<void> {
  const pinned = await createPinnedReader(store, workOfRun(run))(datasetNames(run.name).tokens);
  if (pinned?.commits.some((commit) => commit.split === split)) return;
  throw new InputError(
    `Expected documents of the split ${split} to measure on, found none in ${run.name}. Choose another split by --split, or give the run one by corpus.split.`,
    { split, run: run.name },
  );
}

function incomplete(dataset: string, run: string): InputError {
  return new InputError(
    `Expected ${dataset} to be whole before the dictionary is measured, found that it is not; wait for the run (\`assay status ${run}\`) or go on with it (\`assay resume ${run}\`).`,
    { dataset, run },
  );
}
