// How a run that stopped is told: one text for people, and the same facts as data. Reads events; decides nothing.
import type { z } from 'zod';
import type { RUN_STATES, startedDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { stageName, type RunEvent } from '../../schemas/records.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { stepsOfRun } from '../../pipeline/plan/steps.js';

export type RunFailure = NonNullable<z.infer<typeof startedDocument>['failure']>;

export interface StoppedRun {
  readonly state: (typeof RUN_STATES)[number];
  /** The sentence that says what happened, with the run's name. */
  readonly head: string;
  readonly message: string;
  readonly remedy: string;
}

export interface StoppedEnd {
  readonly state: StoppedRun['state'];
  readonly text: string;
  readonly exitCode: number;
  readonly failure: RunFailure;
}

/** The end of a run that stopped; class, place and details are those of its last event. */
export function stopped(
  run: ResolvedRun,
  events: readonly RunEvent[],
  { state, head, message, remedy }: StoppedRun,
): StoppedEnd {
  const data = events.at(-1)?.data ?? {};
  const named = stageName.safeParse(data['stage']);
  const step = typeof data['step'] === 'string' ? data['step'] : null;
  const failure = {
    class: typeof data['error'] === 'string' ? data['error'] : null,
    stage: named.success ? named.data : null,
    step,
    key: (step !== null && stepsOfRun(run).find(({ id }) => id === step)?.makes[0]?.key) || null,
    message,
    remedy,
    details: { ...(data['details'] as RunFailure['details'] | null | undefined) },
  };
  const lines = state === 'failed' || state === 'paused' ? '\n' : ' ';
  return { state, exitCode: EXIT.failed, text: `${head}${lines}${remedy}`, failure };
}
