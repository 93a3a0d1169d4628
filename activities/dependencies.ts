// What activities need from the process that hosts them; workers build it once, tests inject their own.
import type { AllowList } from '../pipeline/allowed/allow-list.js';
import type { ComputeChildren } from '../stages/stage.js';
import type { LocalCache } from '../storage/cache/local-cache.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import type { StoreOptionsMessage } from '../schemas/messages.js';

export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

export interface ActivityDependencies {
  /** An open store; one per URL and options for the life of the process. @throws InputError where this worker may not use it */
  openStore(url: string, options: StoreOptionsMessage): Promise<ObjectStore>;
  /** Whether anybody has polled a queue of activities lately. */
  isPolled(queue: string): Promise<boolean>;
  /** What this worker may read outside of stores. */
  readonly allowed: Pick<AllowList, 'assertSources'>;
  cacheFor(store: ObjectStore): LocalCache;
  readonly children: ComputeChildren;
  /** Folder for the files of items in hand. */
  readonly spoolRoot: string;
  readonly hostId: string;
  /** Items of a lot in hand at once: one computes, others read or upload. */
  readonly itemsInHand: number;
  /** Compute slots that all workers of a run are thought to have, for cutting lots. */
  readonly slots: number;
  /** Version of this software, for commits. */
  readonly version: string;
  /** Aborts when the worker is to shut down: items in hand finish, no further one starts. */
  readonly stop: AbortSignal;
  readonly log: Logger;
}
