// The graph of a run's steps: each starts when those that it waits for are done; a step that fails ends the others.
import { CancellationScope, condition } from '@temporalio/workflow';
import type { RunInput, RunStep } from '../schemas/messages.js';

/** The steps of a run; what earlier releases gave as a list of stages is a line of steps. */
export function stepsOf({ steps, stages = [] }: Pick<RunInput, 'steps' | 'stages'>): readonly RunStep[] {
  return steps ?? stages.map((stage, i) => ({ id: stage, stage, after: i === 0 ? [] : [i - 1] }));
}

/**
 * Runs every step once, side by side where nothing orders them.
 * @param paused whether nothing may be started now
 * @throws the first failure, after the other steps were cancelled and have ended
 */
export async function runSteps(
  steps: readonly RunStep[],
  paused: () => boolean,
  run: (step: RunStep) => Promise<void>,
): Promise<void> {
  const done = new Set<number>();
  const begun = new Set<number>();
  const open = new Map<number, CancellationScope>();
  let failure: { readonly error: unknown } | null = null;
  const ready = (): number[] =>
    steps.flatMap((step, i) => (!begun.has(i) && step.after.every((other) => done.has(other)) ? [i] : []));
  const start = (i: number): void => {
    begun.add(i);
    const scope = new CancellationScope();
    open.set(i, scope);
    scope
      .run(() => run(steps[i] as RunStep))
      .then(
        () => done.add(i),
        (error: unknown) => (failure ??= { error }),
      )
      .finally(() => open.delete(i))
      .catch(() => undefined);
  };
  const failed = (): { readonly error: unknown } | null => failure;
  try {
    while (failed() === null && (open.size > 0 || ready().length > 0)) {
      if (!paused()) for (const i of ready()) start(i);
      const before = open.size;
      await condition(() => open.size < before || (!paused() && ready().length > 0));
    }
  } finally {
    if (open.size > 0) {
      for (const scope of open.values()) scope.cancel();
      await CancellationScope.nonCancellable(() => condition(() => open.size === 0));
    }
  }
  const first = failed();
  if (first) throw first.error as Error;
}
