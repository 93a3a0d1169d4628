// Commands that store or remove things wait for a collection of garbage that is at work, and say so.
import { untilCollected, type CollectionWait } from '../../storage/records/collection-mark.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { CommandContext } from '../command.js';

/** Waits until no collection is at work. @throws TransientError where one takes too long */
export async function awaitCollection(store: ObjectStore, context: CommandContext): Promise<void> {
  await untilCollected(store, { signal: context.io.signal, onWait: (wait) => tellCollection(wait, context) });
}

/** Says what a command waits for. */
export function tellCollection({ owner, sinceMs, dead }: CollectionWait, { output }: CommandContext): void {
  const [host = '', pid = ''] = owner.split('/');
  const whose = `the collection of garbage of ${host} (pid ${pid}), begun ${new Date(sinceMs).toISOString()}`;
  output.note(
    dead ? `Waiting a moment: ${whose}, was killed.` : `Waiting for ${whose}; if it was killed, for at most 3 minutes.`,
  );
}
