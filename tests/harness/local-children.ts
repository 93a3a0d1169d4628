// Compute children that do their tasks in this process, for tests. Messages are copied as they would be between processes.
import type { ChildContext, ChildTask } from '../../runtime/child/protocol.js';
import type { ComputeChildren } from '../../stages/stage.js';

/** Handlers by the name of their task. */
export type Tasks = Readonly<Record<string, ChildTask<never, unknown>>>;

/** Children for these tasks. @param called Told the name of every task. */
export function localChildren(tasks: Tasks, called: string[] = []): ComputeChildren {
  return {
    stopAll: () => undefined,
    async call<Response>(...[task, request, call]: Parameters<ComputeChildren['call']>): Promise<Response> {
      called.push(task);
      const context: ChildContext = {
        stop: new AbortController().signal,
        alive: () => undefined,
        progress: (value) => call.onProgress?.(structuredClone(value)),
        ask: async <T>(what: string, question: unknown): Promise<T> =>
          structuredClone(await call.onAsk?.(what, structuredClone(question))) as T,
      };
      const handler = tasks[task] as ChildTask<unknown, unknown>;
      return structuredClone(await handler(structuredClone(request), context)) as Response;
    },
  };
}

/** What a task may use that is called directly: nobody stops it, listens to it or answers it. */
export function childContext(): ChildContext {
  return {
    stop: new AbortController().signal,
    alive: () => undefined,
    progress: () => undefined,
    ask: (what) => Promise.reject(new TypeError(`nobody answers "${what}"`)),
  };
}
