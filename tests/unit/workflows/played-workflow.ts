// What workflow code imports of Temporal, played in the test's own process: no history, no cancellation, conditions that are asked again
// and again. Tests add what their workflows start and are told.

class Scope {
  static current = (): { consideredCancelled: boolean } => ({ consideredCancelled: false });
  static nonCancellable = <T>(work: () => Promise<T>): Promise<T> => work();
  static cancellable = <T>(work: () => Promise<T>): Promise<T> => work();
  consideredCancelled = false;
  run = <T>(work: () => Promise<T>): Promise<T> => work();
  cancel = (): void => undefined;
}

export interface Played {
  /** Stand for those of every queue. */
  readonly activities: object;
  /** Takes the handlers of signals and queries by name. */
  readonly handlers: Map<string, (...given: unknown[]) => unknown>;
  readonly patched: (id: string) => boolean;
  readonly workflowId: string;
  readonly startChild: (workflow: unknown, options: never) => Promise<unknown>;
}

/** A stand-in for `@temporalio/workflow`. @param real The module itself, for what is not played. */
export function playedWorkflow(real: object, played: Played): object {
  const { activities, handlers, patched, workflowId, startChild } = played;
  return {
    ...real,
    ...{ CancellationScope: Scope, patched, startChild },
    proxyActivities: () => activities,
    setHandler: ({ name }: { name: string }, handler: (...given: unknown[]) => unknown) => handlers.set(name, handler),
    condition: async (met: () => boolean) => {
      while (!met()) await new Promise((resolve) => setTimeout(resolve, 1));
      return true;
    },
    upsertSearchAttributes: () => undefined,
    allHandlersFinished: () => true,
    workflowInfo: () => ({ workflowId, firstExecutionRunId: 'first' }),
  };
}
