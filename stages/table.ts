// The stages, one row each. Everything that the rest of the program does for every stage is derived from this list: steps,
// plans, estimates, queues, tolerances, child tasks, checks. What runs and what computes is loaded when it is first needed.
import type { ChildTasks } from '../runtime/child/serve.js';
import { DataError, TransientError, type AssayError } from '../schemas/errors.js';
import { LAST_STAGE, STAGES, type StageName } from '../schemas/stages.js';
import type { ObjectRecord } from '../schemas/records.js';
import { planActivations } from './activations/plan.js';
import { activationsStage } from './activations/stage.js';
import { planCorpus } from './corpus/plan.js';
import { corpusStage } from './corpus/stage.js';
import type { StageDefinition } from './definition.js';
import { planEncode } from './encode/plan.js';
import { encodeStage } from './encode/stage.js';
import { planEvaluate } from './evaluate/plan.js';
import { evaluateStage } from './evaluate/stage.js';
import { planIndex } from './index/plan.js';
import { indexStage } from './index/stage.js';
import { planLabels } from './label/plan.js';
import { labelStage } from './label/stage.js';
import { planModels } from './language-model/plan.js';
import { languageModelStage } from './language-model/stage.js';
import { planProfile } from './profile/plan.js';
import { profileStage } from './profile/stage.js';
import type { StageContext, StageResult, StageRun, WorkItem } from './stage.js';
import type { PinnedReader, Step, StepUnits } from './step.js';
import { planStreams } from './stream/plan.js';
import { streamStage } from './stream/stage.js';
import { planTokens, refuseDuplicateIds } from './tokens/plan.js';
import { tokensStage } from './tokens/stage.js';
import { planTraining } from './train/plan.js';
import { trainStage } from './train/stage.js';
import type { Work } from './work.js';

/** What a row adds to a stage's definition. */
interface StageParts<Config, Inputs> {
  /** Everything that a step plans; null while what it reads is not complete. */
  plan(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null>;
  /** A check before the first work of a step, on what earlier steps made. @throws DataError that ends the run */
  check?(work: Work, pinned: PinnedReader, fetch: (object: ObjectRecord) => Promise<string>): Promise<void>;
  readonly run: () => Promise<StageRun<Config, Inputs>>;
  /** What a compute child serves. */
  readonly tasks: () => Promise<ChildTasks>;
}

export interface StageRow
  extends
    Omit<StageDefinition<never>, 'config' | 'mayQuarantine' | 'outside'>,
    Pick<StageParts<never, never>, 'plan' | 'check' | 'tasks'> {
  /** `config` is what the stage's plan put beside the item; it is parsed first. */
  run(item: WorkItem, config: unknown, context: StageContext): Promise<StageResult>;
  mayQuarantine(error: AssayError, config: unknown): boolean;
  /** Places outside of the store that an item makes a worker read. */
  outside(item: WorkItem, config: unknown): readonly string[];
}

export const STAGE_TABLE: { readonly [Name in StageName]: StageRow } = {
  corpus: row(corpusStage, {
    plan: planCorpus,
    run: async () => (await import('./corpus/run.js')).runCorpus,
    tasks: async () => (await import('./corpus/task.js')).corpusTasks,
  }),
  tokens: row(tokensStage, {
    plan: planTokens,
    check: refuseDuplicateIds,
    run: async () => (await import('./tokens/run.js')).runTokens,
    tasks: async () => (await import('./tokens/task.js')).tokensTasks,
  }),
  stream: row(streamStage, {
    plan: planStreams,
    run: async () => (await import('./stream/run.js')).runStream,
    tasks: async () => (await import('./stream/task.js')).streamTasks,
  }),
  'language-model': row(languageModelStage, {
    plan: planModels,
    run: async () => (await import('./language-model/run.js')).runLanguageModel,
    tasks: async () => (await import('./language-model/task.js')).languageModelTasks,
  }),
  activations: row(activationsStage, {
    plan: planActivations,
    run: async () => (await import('./activations/run.js')).runActivations,
    tasks: async () => (await import('./activations/task.js')).activationsTasks,
  }),
  train: row(trainStage, {
    plan: planTraining,
    run: async () => (await import('./train/run.js')).runTraining,
    tasks: async () => (await import('./train/task.js')).trainTasks,
  }),
  encode: row(encodeStage, {
    plan: planEncode,
    run: async () => (await import('./encode/run.js')).runEncode,
    tasks: async () => (await import('./encode/task.js')).encodeTasks,
  }),
  evaluate: row(evaluateStage, {
    plan: planEvaluate,
    run: async () => (await import('./evaluate/run.js')).runEvaluate,
    tasks: async () => (await import('./evaluate/task.js')).evaluateTasks,
  }),
  index: row(indexStage, {
    plan: planIndex,
    run: async () => (await import('./index/run.js')).runIndex,
    tasks: async () => ({ ...(await import('./index/task.js')).indexTasks }),
  }),
  profile: row(profileStage, {
    plan: planProfile,
    run: async () => (await import('./profile/run.js')).runProfile,
    tasks: async () => ({ ...(await import('./profile/task.js')).profileTasks }),
  }),
  label: row(labelStage, {
    plan: planLabels,
    run: async () => (await import('./label/run.js')).runLabels,
    tasks: async () => ({ ...(await import('./label/task.js')).labelTasks }),
  }),
};

function row<Config, Inputs>(definition: StageDefinition<Config>, parts: StageParts<Config, Inputs>): StageRow {
  return {
    ...definition,
    ...parts,
    mayQuarantine: (error, config) => definition.mayQuarantine(error, definition.config.parse(config)),
    outside: (item, config) => definition.outside?.(item, definition.config.parse(config)) ?? [],
    run: async (item, config, context) => {
      const run = await parts.run();
      return run(item as WorkItem<Inputs>, definition.config.parse(config), context);
    },
  };
}

/** The steps of a run or training, in an order in which each comes after those that make what it reads. */
export function stepsOf(work: Work, until: StageName = LAST_STAGE): Step[] {
  const last = STAGES.indexOf(until);
  return STAGES.filter((_, i) => i <= last).flatMap((stage) => [...STAGE_TABLE[stage].steps(work)]);
}

/** Everything that the stages' compute children serve. */
export async function childTasks(): Promise<ChildTasks> {
  const all: Record<string, ChildTasks[string]> = {};
  for (const stage of Object.values(STAGE_TABLE))
    for (const [name, task] of Object.entries(await stage.tasks())) {
      if (name in all)
        throw new DataError(`Two stages serve a task named "${name}", ${stage.name} among them; rename one.`, { name });
      all[name] = task;
    }
  return all;
}

/** A lot carries the version of the stage that planned it; a worker that has another leaves it to one that has the same. */
export function assertStageVersion(stage: StageName, version: number): void {
  const own = STAGE_TABLE[stage].version;
  if (own === version) return;
  throw new TransientError(
    `Stage ${stage} was planned with version ${version}, this worker has version ${own}; another worker must do it. Upgrade the workers, or resume the run with this release.`,
    { stage, version, own },
  );
}
