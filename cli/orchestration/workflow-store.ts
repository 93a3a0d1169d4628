// Whether a workflow that is alive under a store's id works on that store: a copy of a store has the id of the original.
import { randomUUID } from 'node:crypto';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { InputError, ResourceError, TransientError } from '../../schemas/errors.js';
import type { StoreOptionsMessage } from '../../schemas/messages.js';
import { openStore } from '../../storage/objects/open-store.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';

/** What a workflow's memo says of its store. */
interface WorkflowStore {
  readonly url: string;
  readonly options: StoreOptionsMessage;
}

/** The store that a memo names; null for workflows that were started without one. */
function storeOfMemo(memo: Readonly<Record<string, unknown>> | undefined): WorkflowStore | null {
  const store = memo?.['store'];
  if (typeof store !== 'object' || store === null) return null;
  const { url, options } = store as Partial<WorkflowStore>;
  return typeof url === 'string' ? { url, options: options ?? {} } : null;
}

/** @throws InputError where the workflow works on another store that can be looked into from here: one is a copy of the other */
export async function assertSameStore(
  store: ObjectStore,
  memo: Readonly<Record<string, unknown>> | undefined,
  name: string,
): Promise<void> {
  const other = storeOfMemo(memo);
  if (other === null || other.url === store.url || (await isSame(store, other))) return;
  throw new InputError(
    `Expected what is active under the name "${name}" to work in ${store.url}, found that it works in ${other.url}, which has the same id: one store is a copy of the other. Give the copy an id of its own: delete store.json in it, then try again.`,
    { name, store: store.url, other: other.url },
  );
}

/** Whether both addresses lead to one place, seen by writing at one and looking at the other; true where nobody can tell. */
async function isSame(store: ObjectStore, { url, options }: WorkflowStore): Promise<boolean> {
  const key = `probe/${randomUUID()}/same`;
  const other = await openStore(url, { storeOptions: options });
  try {
    // A folder of another machine is not there at all, and a host name of another network leads nowhere.
    if (!(await hasId(other))) return true;
    await store.putIfAbsent(key, Buffer.from(canonicalJson({ url })));
    return (await other.head(key)) !== null;
  } finally {
    await store.delete(key);
    await other.close();
  }
}

async function hasId(store: ObjectStore): Promise<boolean> {
  try {
    return (await store.head('store.json')) !== null;
  } catch (error) {
    if (error instanceof TransientError || error instanceof ResourceError) return false;
    throw error;
  }
}
