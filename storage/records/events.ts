// The events of a run: numbered, created once, each with the digest of the one before, so that none can be left out or
// changed unseen. One orchestrating activity writes them.
import { digestOf } from '../../core/identity/digest.js';
import { outgoingValues } from '../../core/text/outgoing.js';
import { DataError } from '../../schemas/errors.js';
import { eventRecord, type RunEvent } from '../../schemas/records.js';
import { crashStep } from '../objects/crash-points.js';
import type { ObjectStore } from '../objects/object-store.js';
import { numberedKey, numberOf, revisionPrefix, type RunRevision } from './key-layout.js';
import { mapParallel } from './parallel.js';
import { createRecord, listAll, readRecord } from './record-io.js';

const READS_AT_ONCE = 32;

export interface NewEvent {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly atMs: number;
  /** The latest event where the caller knows it; saves a listing. */
  readonly after?: RunEvent | undefined;
  /** Not appended where another writer's event, which came in between, is one of these. */
  readonly unless?: (other: RunEvent) => boolean;
}

/** The event as it stands at the end of the chain; numbers start at 1. */
export async function appendEvent(store: ObjectStore, run: RunRevision, next: NewEvent): Promise<RunEvent> {
  const prefix = eventPrefix(run);
  const data = outgoingValues(next.data);
  let last = next.after ?? (await lastEvent(store, run));
  for (;;) {
    const value: RunEvent = {
      formatVersion: 1,
      n: (last?.n ?? 0) + 1,
      previous: last === null ? null : digestOf(last),
      atMs: next.atMs,
      type: next.type,
      data,
    };
    const key = numberedKey(prefix, value.n);
    const outcome = await crashStep('event.put', () =>
      createRecord(store, { key, value, schema: eventRecord, urgent: true }),
    );
    if (outcome.created) return value;
    if (next.unless?.(outcome.record)) return outcome.record;
    last = outcome.record;
  }
}

/** The latest event, or null where there is none. */
export async function lastEvent(store: ObjectStore, run: RunRevision): Promise<RunEvent | null> {
  const infos = await listAll(store, eventPrefix(run));
  const last = infos.at(-1);
  return last === undefined ? null : readRecord(store, last.key, eventRecord);
}

/**
 * All events in order, their chain verified; `after`: only those behind an event that was read and verified before.
 * @throws DataError naming the key where an event is missing, damaged or not the successor of the one before
 */
export async function readEvents(store: ObjectStore, run: RunRevision, after?: RunEvent): Promise<RunEvent[]> {
  const prefix = eventPrefix(run);
  const from = after === undefined ? {} : { startAfter: numberedKey(prefix, after.n) };
  const infos = (await listAll(store, prefix, from)).filter((i) => numberOf(prefix, i.key) !== null);
  const events = await mapParallel(infos, READS_AT_ONCE, async ({ key }) => {
    const event = await readRecord(store, key, eventRecord);
    return { key, event };
  });
  const chain: RunEvent[] = [];
  let last = after ?? null;
  for (const { key, event } of events) {
    last = successor(key, last, event);
    chain.push(last);
  }
  return chain;
}

/** The events that can be read, in order, whatever their chain is worth: for what must also go with a damaged run. */
export async function readLooseEvents(store: ObjectStore, run: RunRevision): Promise<RunEvent[]> {
  const prefix = eventPrefix(run);
  const infos = (await listAll(store, prefix)).filter((i) => numberOf(prefix, i.key) !== null);
  const events = await mapParallel(infos, READS_AT_ONCE, ({ key }) =>
    readRecord(store, key, eventRecord).catch((error: unknown) => {
      if (!(error instanceof DataError)) throw error;
      return null;
    }),
  );
  return events.filter((event) => event !== null);
}

function successor(key: string, last: RunEvent | null, event: RunEvent | null): RunEvent {
  const n = (last?.n ?? 0) + 1;
  const previous = last === null ? null : digestOf(last);
  if (event?.n === n && event.previous === previous) return event;
  const found = event === null ? 'none' : `event ${event.n} after ${String(event.previous)}`;
  throw new DataError(
    `Expected event ${n} after ${String(previous)} in ${key}, found ${found}; the chain of events is broken: one was removed or changed, so do not trust this run's history. Restore the record from a copy, or remove the run (\`assay rm\`) and start it anew.`,
    { key, n, previous },
  );
}

function eventPrefix(run: RunRevision): string {
  return `${revisionPrefix(run)}events/`;
}
