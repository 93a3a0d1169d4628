// A worker's host whose children are this process: the stages' child tasks called directly.
import path from 'node:path';
import type { Host } from '../../pipeline/execute/host.js';
import { childTasks } from '../../stages/table.js';
import { openLocalCache } from '../../storage/cache/local-cache.js';
import { localChildren, type Tasks } from './local-children.js';

export interface LocalOptions {
  /** What children do otherwise. */
  readonly tasks?: Tasks | undefined;
  /** Told of every call. */
  readonly called?: string[] | undefined;
}

/** A host whose children work in this process; its files lie in `folder`. */
export async function localHost(folder: string, { tasks = {}, called = [] }: LocalOptions = {}): Promise<Host> {
  const children = localChildren({ ...(await childTasks()), ...tasks }, called);
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
