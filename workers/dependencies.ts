// Builds what activities need: stores by URL and options, over what does the work in this process.
import type { NativeConnection } from '@temporalio/worker';
import { canonicalJson } from '../core/identity/canonical-json.js';
import type { ActivityDependencies, Logger } from '../activities/dependencies.js';
import type { AllowList } from '../pipeline/allowed/allow-list.js';
import type { Host } from '../pipeline/execute/host.js';
import type { StoreOptionsMessage } from '../schemas/messages.js';
import { openStore } from '../storage/objects/open-store.js';
import type { ObjectStore } from '../storage/objects/object-store.js';

export interface DependenciesInput {
  readonly allowed: AllowList;
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly host: Host;
  readonly hostId: string;
  readonly stop: AbortSignal;
  readonly log: Logger;
}

/** Items of one lot in hand at once: while one computes, the next reads and the last uploads. */
const ITEMS_IN_HAND = 2;

export function createDependencies(input: DependenciesInput): ActivityDependencies & { close(): Promise<void> } {
  const { host, hostId, stop, log, connection, namespace, allowed } = input;
  const stores = new Map<string, Promise<ObjectStore>>();
  const open = (url: string, storeOptions: StoreOptionsMessage): Promise<ObjectStore> => {
    // One address with other options (an endpoint, a region) is another store.
    const name = canonicalJson([url, storeOptions]);
    const known = stores.get(name);
    if (known) return known;
    const opened = allowed.assertStore(url, storeOptions).then(() => openStore(url, { storeOptions }));
    stores.set(name, opened);
    opened.catch(() => stores.delete(name));
    return opened;
  };
  return {
    openStore: open,
    allowed,
    isPolled: async (queue) => {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: queue },
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- TASK_QUEUE_TYPE_ACTIVITY
        taskQueueType: 2,
      });
      return pollers.length > 0;
    },
    cacheFor: (store) => host.cacheFor(store),
    children: host.children,
    spoolRoot: host.spoolRoot,
    hostId,
    itemsInHand: ITEMS_IN_HAND,
    slots: host.slots,
    version: host.version,
    stop,
    log,
    close: async () => {
      for (const opened of stores.values())
        await opened.then(
          (store) => store.close(),
          () => undefined,
        );
      await host.close();
    },
  };
}
