// Runs the steps of a work in this process, without Temporal: the same plans, lots and commits as the workers of a run. What is
// committed already is skipped, so running it again is resuming it.
import { DataError } from '../../schemas/errors.js';
import type { StageFinished } from '../../schemas/messages.js';
import type { StageContext, WorkItem } from '../../stages/stage.js';
import type { PlannedUnit, Step, StepUnits } from '../../stages/step.js';
import { STAGE_TABLE } from '../../stages/table.js';
import type { Work } from '../../stages/work.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { createPinnedReader } from '../../stages/pinned.js';
import { adoptWork } from '../plan/plan-work.js';
import { planSteps, stepGraph } from '../plan/steps.js';
import type { Host } from './host.js';
import { datasetsOf, publish } from './publish.js';
import { recordPlan } from './record-plan.js';
import { runUnits } from './run-units.js';

/** What a run of steps tells whoever started it. */
export interface StepEvents {
  /** A step begins with what is left of it to do. */
  begin(step: Step, units: StepUnits, todo: readonly PlannedUnit[]): Promise<void>;
  progress(item: WorkItem, progress: Parameters<StageContext['progress']>[0]): void;
  /** @param failure why it is quarantined; null: it is committed */
  ended(item: WorkItem, failure: string | null): void;
  finished(step: Step, published: StageFinished): Promise<void>;
}

export interface StepsRun {
  readonly store: ObjectStore;
  readonly work: Work;
  readonly steps: readonly Step[];
  readonly host: Host;
  readonly events: StepEvents;
  readonly stop: AbortSignal;
  /** Leaves items out that were not asked for. */
  readonly wanted?: (step: Step, units: StepUnits, item: WorkItem) => boolean;
}

/** What every step planned, by its id; steps that were not reached before it was told to stop are missing. */
export async function runStepsHere(run: StepsRun): Promise<ReadonlyMap<string, StepUnits>> {
  const { steps, stop } = run;
  const graph = stepGraph(steps);
  const planned = new Map<string, StepUnits>();
  const done = new Set<number>();
  const open = new Map<number, Promise<number>>();
  const failed = new AbortController();
  const signal = AbortSignal.any([stop, failed.signal]);
  let plans: Promise<unknown> = Promise.resolve();
  const one = async (i: number): Promise<number> => {
    const step = steps[i] as Step;
    // One plan at a time: each adds to the stored plan.
    const plan = plans.then(() => planHere(run, step));
    plans = plan.catch(() => undefined);
    const units = await plan;
    planned.set(step.id, units);
    if (await runHere({ ...run, stop: signal }, step, units)) done.add(i);
    return i;
  };
  const begun = new Set<number>();
  try {
    for (;;) {
      for (const [i, { after }] of graph.entries()) {
        if (begun.has(i) || signal.aborted || !after.every((other) => done.has(other))) continue;
        begun.add(i);
        open.set(i, one(i));
      }
      if (open.size === 0) return planned;
      open.delete(await Promise.race(open.values()));
    }
  } catch (error) {
    // The others end at their next safe point, so that nothing runs on in the background.
    failed.abort();
    await Promise.allSettled(open.values());
    throw error;
  }
}

async function planHere({ store, work, steps, stop }: StepsRun, step: Step): Promise<StepUnits> {
  const units = await planSteps(work, [step], createPinnedReader(store, work));
  if (!units)
    throw new DataError(
      `Expected the steps before ${step.id} to be complete, found that some of their results are missing; run the command again.`,
      { step: step.id },
    );
  await recordPlan(store, { work, steps, units, signal: stop });
  return units;
}

/** Whether the step was done to its end. */
async function runHere(run: StepsRun, step: Step, units: StepUnits): Promise<boolean> {
  const { store, work, host, events, stop, wanted = () => true } = run;
  const { stage } = step;
  const left = await adoptWork(store, units, { mode: 'errored' });
  const todo = left.todo.filter(({ item }) => wanted(step, units, item));
  if (todo.length > 0)
    await STAGE_TABLE[stage].check?.(work, createPinnedReader(store, work), (object) =>
      host.cacheFor(store).fetch(object, stop),
    );
  await events.begin(step, units, todo);
  const done = await runUnits({
    ...{ store, stage, units: todo, host, stop },
    ref: { run: work.name, revision: work.revision },
    onProgress: (item, progress) => {
      events.progress(item, progress);
    },
    onEnded: (item, failure) => {
      events.ended(item, failure);
    },
  });
  const datasets = datasetsOf(units);
  const published = await publish(store, { stage, revision: work.revision, as: 'found', datasets });
  if (done) await events.finished(step, published);
  return done;
}
