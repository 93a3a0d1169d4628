// What does work in one process, for tests: the stages' child tasks called directly, without compute children.
import path from 'node:path';
import type { Host } from '../../pipeline/execute/host.js';
import type { ComputeChildren } from '../../stages/stage.js';
import { childTasks } from '../../stages/table.js';
import { openLocalCache } from '../../storage/cache/local-cache.js';

export type Tasks = Readonly<Record<string, (request: never, context: never) => Promise<unknown>>>;

export interface LocalOptions {
  /** What children do otherwise. */
  readonly tasks?: Tasks | undefined;
  /** Told of every call. */
  readonly called?: string[] | undefined;
}

/** Children that work in this process. */
export async function localChildren({ tasks = {}, called = [] }: LocalOptions = {}): Promise<ComputeChildren> {
  const all = { ...(await childTasks()), ...tasks } as Tasks;
  return {
    stopAll: () => undefined,
    call: async <Response>(...[task, request, call]: Parameters<ComputeChildren['call']>) => {
      called.push(task);
      const context = {
        stop: new AbortController().signal,
        progress: (value: unknown) => call.onProgress?.(value),
        ask: (what: string, asked: unknown) => call.onAsk?.(what, asked),
      };
      return (await all[task]?.(request as never, context as never)) as Response;
    },
  };
}

/** A host whose children work in this process; its files lie in `folder`. */
export async function localHost(folder: string, options: LocalOptions = {}): Promise<Host> {
  const children = await localChildren(options);
  return {
    children: { ...children, close: () => undefined } as unknown as Host['children'],
    slots: 2,
    cacheFor: (store) => openLocalCache({ store, folder: path.join(folder, 'cache'), budgetBytes: 2 ** 30 }),
    spoolRoot: path.join(folder, 'spool'),
    version: 'test',
    endedOrphans: [],
    close: () => Promise.resolve(),
  };
}
