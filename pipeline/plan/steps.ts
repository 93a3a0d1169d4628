// A run as a graph of steps: which step waits for which, and what a step plans. Steps meet in datasets alone.
import { DataError, InputError } from '../../schemas/errors.js';
import type { RunStep } from '../../schemas/messages.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { PinnedReader, Step, StepUnits } from '../../stages/step.js';
import { STAGE_TABLE, stepsOf } from '../../stages/table.js';
import { workOfRun, type Work } from '../../stages/work.js';

/** The steps of a run as far as it was asked for. */
export function stepsOfRun(run: ResolvedRun): Step[] {
  return stepsOf(workOfRun(run), run.until);
}

/** The steps with the numbers of those that each waits for: the makers of what it reads. */
export function stepGraph(steps: readonly Step[]): RunStep[] {
  const maker = new Map(steps.flatMap(({ makes }, i) => makes.map(({ dataset }) => [dataset, i] as const)));
  return steps.map(({ id, stage, reads }, i) => {
    const after = new Set(reads.flatMap((dataset) => maker.get(dataset) ?? []));
    if ([...after].some((other) => other >= i))
      throw new DataError(`Step ${id} reads what a later step makes; the order of the stages is wrong.`, { step: id });
    return { id, stage, after: [...after].sort((a, b) => a - b) };
  });
}

/** The step of that id; a stage's name alone means all of its steps, as runs of earlier releases ask for them. */
export function findSteps(steps: readonly Step[], id: string): Step[] {
  const found = steps.filter((step) => step.id === id || step.stage === id);
  if (found.length > 0) return found;
  throw new InputError(
    `Expected a step of the run, found "${id}"; there are ${steps.map((step) => step.id).join(', ')}.`,
    { step: id },
  );
}

/** Everything that steps of one stage plan; null while something that they read is not complete. */
export async function planSteps(work: Work, steps: readonly Step[], pinned: PinnedReader): Promise<StepUnits | null> {
  const all: StepUnits[] = [];
  for (const step of steps) {
    const units = await STAGE_TABLE[step.stage].plan(work, step, pinned);
    if (!units) return null;
    all.push(units);
  }
  const [first] = all;
  if (!first || all.length === 1) return first ?? null;
  return {
    stage: first.stage,
    groups: all.flatMap(({ groups }) => groups),
    datasets: all.flatMap(({ datasets }) => datasets),
    preimages: all.flatMap(({ preimages }) => preimages),
  };
}
