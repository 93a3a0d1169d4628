// Appends one state change to the run's chain of events.
import type { RunEvent } from '../schemas/records.js';
import { appendEvent, readEvents } from '../storage/records/events.js';
import { foldEvents, hasEnded } from '../storage/records/run-history.js';
import type { ActivityDependencies } from './dependencies.js';
import type { Activities } from './messages.js';

export async function recordEventActivity(
  { ref, type, data, onlyIfOpen }: Parameters<Activities['recordEvent']>[0],
  dependencies: ActivityDependencies,
): Promise<void> {
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  const run = { name: ref.run, revision: ref.revision };
  const event = { type, data, atMs: Date.now() };
  if (onlyIfOpen === undefined) await appendEvent(store, run, event);
  else {
    const events = await readEvents(store, run);
    const started = events.findLast((one) => one.type === 'started');
    if (started?.data['execution'] !== onlyIfOpen || hasEnded(foldEvents(events).state)) return;
    await appendEvent(store, run, { ...event, after: events.at(-1), unless: beginsOrEnds });
  }
  dependencies.log.info({ run: ref.run, revision: ref.revision, ...data }, type);
}

/** Whether the run began anew or ended with this event. */
function beginsOrEnds(event: RunEvent): boolean {
  return event.type === 'started' || hasEnded(foldEvents([event]).state);
}
