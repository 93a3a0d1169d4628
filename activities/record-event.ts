// Appends one state change to the run's chain of events.
import type { RunRef } from '../schemas/messages.js';
import { appendEvent } from '../storage/records/events.js';
import type { ActivityDependencies } from './dependencies.js';

export async function recordEventActivity(
  input: { readonly ref: RunRef; readonly type: string; readonly data: Record<string, unknown> },
  dependencies: ActivityDependencies,
): Promise<void> {
  const { ref, type, data } = input;
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  await appendEvent(store, { name: ref.run, revision: ref.revision }, { type, data, atMs: Date.now() });
  dependencies.log.info({ run: ref.run, revision: ref.revision, ...data }, type);
}
