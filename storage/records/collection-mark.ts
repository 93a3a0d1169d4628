// The mark of a collection of garbage, and how whoever takes old things into use gets along with it. No locks and no clocks
// that must agree: records that are created once, listings that show what was written before them, and waiting.
//
//   collections/<n>.json          created once: collection n has begun, by whom. Only the highest number counts.
//   collections/<n>/sign.json     written anew while its collector lives
//   collections/<n>/broken.json   created once by whoever saw no new sign for EXPIRY_MS: the collector must stop
//   collections/<n>/end.json      created once: collection n is over
//
// The user of something old (a plan that counts commits as done, a writer that finds its content stored already)
//   U1. makes it reachable (its key stands in the run's plan) or young (touches it), and only then
//   U2. looks for a mark; where one stands it waits for the end, and
//   U3. looks again at what is there: what has gone is made anew.
// The collector
//   C1. creates its mark, and only then
//   C2. asks for active runs and takes stock, and again before each phase of removal,
//   C3. removes only while it has seen within HELD_MS that its mark stands unbroken, and gives each request REQUEST_MS.
// If the mark is created before U2, the user waits. If not, U1 came before C2, and the collector sees it.
//
// A collector that dies leaves its mark. A waiter breaks it after EXPIRY_MS without a sign and goes on GRACE_MS later: by C3 a
// collector that was only slow has stopped by then. Where the collector was a process of this machine that has surely ended with all of
// its threads, its mark is broken at once; and over SETTLED_MS later in a store to which a dead process asks for nothing more, for the
// waiter that broke it: a mark that was broken before may be of a collector that knew of a request which may still take effect. Each
// side measures spans by its own clock and compares none with another's.
// What is assumed: a request that was given up takes effect within GRACE_MS - HELD_MS - REQUEST_MS or never.
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { z } from 'zod';
import { ResourceError, TransientError } from '../../schemas/errors.js';
import type { CallOptions, ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { isProvenDead, processMark } from '../objects/process-mark.js';
import { repeatEvery, sleepFor, startStopwatch } from './collection-clock.js';
import { numberedKey, numberOf } from './key-layout.js';
import { createRecord, encodeRecord, listAll, readRecord } from './record-io.js';

const PREFIX = 'collections/';

/** Without a new sign for this long, a collector is taken for dead. */
export const EXPIRY_MS = 120_000;
/** From breaking a mark to its end. */
const GRACE_MS = 60_000;
/** From breaking the mark of a process that has surely ended to its end, where it can ask for nothing more. */
const SETTLED_MS = 5000;
/** For this long after it has seen its mark unbroken a collector removes things. */
const HELD_MS = 20_000;
/** Longest request of a removal. */
export const REQUEST_MS = 20_000;
/** Signs of life come this often. */
const SIGN_MS = 10_000;
const LOOK_MS = 1000;
/** Longest wait for the end of a collection before it is said that it takes too long. */
const PATIENCE_MS = 600_000;

const markRecord = z.strictObject({
  formatVersion: z.literal(1),
  n: z.number().int().positive(),
  owner: z.string(),
  startedMs: z.number(),
});
const noteRecord = z.strictObject({ formatVersion: z.literal(1), by: z.string(), atMs: z.number() });

/** A mark that stands. */
interface StandingMark {
  readonly n: number;
  readonly key: string;
  /** When it was created and when its collector last gave a sign of life, by the store's clock. */
  readonly sinceMs: number;
  readonly signMs: number;
  readonly broken: boolean;
}

/** What is waited for. */
export interface CollectionWait {
  /** HOST/PID and more. */
  readonly owner: string;
  /** When the collection began, by the store's clock. */
  readonly sinceMs: number;
  /** Whether its collector has surely ended and its mark is unbroken: the wait is then a short one. */
  readonly dead: boolean;
}

export interface WaitOptions extends CallOptions {
  /** Called once, where there is a mark to wait for. */
  readonly onWait?: ((wait: CollectionWait) => void) | undefined;
  /** Refuses to wait for a collector that gives signs of life. */
  readonly refuseLiving?: boolean | undefined;
}

/**
 * Whether it waited: there is no collection at work now. A dead collector's mark is removed on the way.
 * @throws TransientError where a collection takes too long; ResourceError for a living one where that is asked
 */
export async function untilCollected(store: ObjectStore, options: WaitOptions = {}): Promise<boolean> {
  const whole = startStopwatch();
  let seen: StandingMark | null = null;
  let watch = whole;
  let owner = '';
  // Whether this waiter was the one to break the mark of a collector that is dead: none of its own had broken it.
  let settles = false;
  for (;;) {
    const mark = await findMark(store, options);
    if (mark === null) return seen !== null;
    if (seen?.n !== mark.n) {
      owner = await ownerOf(store, mark);
      settles = false;
    }
    const dead = isProvenDead(owner.split('/')[OWNER_MARK] ?? '');
    if (seen === null) options.onWait?.({ owner, sinceMs: mark.sinceMs, dead: dead && !mark.broken });
    const changed = seen?.n !== mark.n || seen.signMs !== mark.signMs || seen.broken !== mark.broken;
    if (changed) {
      if (options.refuseLiving && seen?.n === mark.n && !mark.broken) throw await busy(store, mark);
      watch = startStopwatch();
    }
    if (!mark.broken && watch.least() >= (dead ? 0 : EXPIRY_MS)) {
      const first = await note(store, mark.n, 'broken');
      settles = first && dead && store.requestsEndWithProcess === true;
    } else if (mark.broken && watch.least() >= (settles ? SETTLED_MS : GRACE_MS)) await note(store, mark.n, 'end');
    seen = mark;
    if (whole.least() >= PATIENCE_MS) throw await tooLong(store, mark);
    await sleepFor(LOOK_MS, options.signal);
  }
}

/** The mark that stands, or null: one listing. */
async function findMark(store: ObjectStore, options: CallOptions = {}): Promise<StandingMark | null> {
  const infos = await listAll(store, PREFIX, { signal: options.signal });
  const mark = infos.findLast(({ key }) => numberOf(PREFIX, key) !== null);
  if (mark === undefined) return null;
  const n = numberOf(PREFIX, mark.key) ?? 0;
  const part = (name: string): ObjectInfo | undefined => infos.find(({ key }) => key === partKey(n, name));
  if (part('end') !== undefined) return null;
  return {
    ...{ n, key: mark.key, sinceMs: mark.modifiedMs },
    ...{ signMs: (part('sign') ?? mark).modifiedMs, broken: part('broken') !== undefined },
  };
}

/** A collection under way: its mark stands until `end`. */
export interface Collection {
  /** The present by the store's clock when the mark was made, milliseconds. */
  readonly startedMs: number;
  /** Makes sure that the mark was seen unbroken not long ago. @throws ResourceError where it was broken */
  hold(): Promise<void>;
  /** @param sure whether no request of a removal can still take effect; else waiters wait GRACE_MS longer */
  end(sure: boolean): Promise<void>;
}

/** Begins a collection. @throws ResourceError while another one is at work */
export async function beginCollection(
  store: ObjectStore,
  options: Omit<WaitOptions, 'refuseLiving'> = {},
): Promise<Collection> {
  for (;;) {
    await untilCollected(store, { ...options, refuseLiving: true });
    const infos = await listAll(store, PREFIX, { signal: options.signal });
    const n = infos.reduce((most, { key }) => Math.max(most, numberOf(PREFIX, key) ?? 0), 0) + 1;
    const key = numberedKey(PREFIX, n);
    const value = { formatVersion: 1 as const, n, owner: ownName(), startedMs: Date.now() };
    // Urgent, as all of a mark: a full store is where a collection is needed most.
    const record = { key, value, schema: markRecord, signal: options.signal, urgent: true };
    const { created } = await createRecord(store, record);
    if (!created) continue;
    const held = new HeldMark(store, n);
    const made = await findMark(store, options);
    // A number that others had used and removed: this one counts for nothing.
    if (made?.n !== n) continue;
    held.signs();
    return Object.assign(held, { startedMs: made.sinceMs });
  }
}

class HeldMark {
  readonly #store: ObjectStore;
  readonly #n: number;
  #seen = startStopwatch();
  #stopSigns: () => void = () => undefined;

  constructor(store: ObjectStore, n: number) {
    this.#store = store;
    this.#n = n;
  }

  /** Signs of life while stock is taken; removals look for themselves. */
  signs(): void {
    this.#stopSigns = repeatEvery(SIGN_MS, () => {
      // A sign that cannot be written is missed, no more: what counts is what `hold` sees.
      this.#sign().catch(() => undefined);
    });
  }

  async hold(): Promise<void> {
    if (this.#seen.most() < HELD_MS / 2) return;
    const now = startStopwatch();
    await this.#sign();
    const mark = await findMark(this.#store);
    if (mark?.n !== this.#n || mark.broken) throw lost(this.#store, this.#n);
    this.#seen = now;
  }

  async end(sure: boolean): Promise<void> {
    this.#stopSigns();
    await note(this.#store, this.#n, sure ? 'end' : 'broken');
    if (!sure) return;
    // Earlier marks say nothing any more; the last one stays, for its number.
    const own = new Set(['broken', 'end'].map((name) => partKey(this.#n, name)).concat(numberedKey(PREFIX, this.#n)));
    for (const { key } of await listAll(this.#store, PREFIX)) {
      if (!own.has(key) && key < partKey(this.#n, '~')) await this.#store.delete(key);
    }
  }

  async #sign(): Promise<void> {
    const key = partKey(this.#n, 'sign');
    await this.#store.put(key, encodeRecord(key, noteNow(), noteRecord), { urgent: true });
  }
}

function partKey(n: number, name: string): string {
  return `${numberedKey(PREFIX, n).replace(/\.json$/, '')}/${name}.json`;
}

/** Whether this call wrote it, not another before. */
async function note(store: ObjectStore, n: number, name: 'broken' | 'end'): Promise<boolean> {
  const record = { key: partKey(n, name), value: noteNow(), schema: noteRecord, urgent: true };
  return (await createRecord(store, record)).created;
}

function noteNow(): z.infer<typeof noteRecord> {
  return { formatVersion: 1, by: ownName(), atMs: Date.now() };
}

/** Where an owner's name has the mark of its process. */
const OWNER_MARK = 2;

function ownName(): string {
  return `${os.hostname()}/${process.pid}/${processMark()}/${randomUUID()}`;
}

async function ownerOf(store: ObjectStore, mark: StandingMark): Promise<string> {
  return (await readRecord(store, mark.key, markRecord))?.owner ?? 'somebody';
}

async function busy(store: ObjectStore, mark: StandingMark): Promise<ResourceError> {
  const owner = await ownerOf(store, mark);
  return new ResourceError(
    `Expected no other collection of garbage in ${store.url}, found one of ${owner} at work, begun ${new Date(mark.sinceMs).toISOString()}; wait for its end, then try again.`,
    { owner, n: mark.n, url: store.url },
  );
}

async function tooLong(store: ObjectStore, mark: StandingMark): Promise<TransientError> {
  const owner = await ownerOf(store, mark);
  return new TransientError(
    `Expected the collection of garbage of ${owner} in ${store.url} (${mark.key}, begun ${new Date(mark.sinceMs).toISOString()}) to end within ${PATIENCE_MS / 60_000} minutes, it is still at work; wait for it or end it, then try again.`,
    { owner, n: mark.n, url: store.url },
  );
}

function lost(store: ObjectStore, n: number): ResourceError {
  return new ResourceError(
    `Expected the mark of this collection of garbage to stand in ${store.url}, found that it was taken for dead (collection ${n}); nothing more is removed: run \`assay gc --apply\` again.`,
    { n, url: store.url },
  );
}
