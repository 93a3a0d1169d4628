// Runs actors over one in-memory store in every order in which their operations can follow each other. An actor's code runs until
// it asks the store for something; which actor's request is answered next is a choice, and all choices are tried. Courses that
// reach a state seen before (same store, same answers to everyone so far) are cut there, so that the search ends.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import type { ObjectInfo, ObjectStore } from '../../storage/objects/object-store.js';
import { createMemoryStore } from '../../storage/objects/memory-store.js';

export interface Actor {
  readonly name: string;
  readonly run: (store: ObjectStore) => Promise<unknown>;
  /** Whether it may die at any moment (one of them, once). */
  readonly mayDie?: boolean;
}

export interface Search {
  readonly startMs: number;
  /** What lies in the store at first; stored one after the other by the store's clock at `startMs`. */
  readonly fill: (store: ObjectStore) => Promise<void>;
  /** Time before the actors begin, milliseconds. */
  readonly ageMs: number;
  readonly actors: readonly Actor[];
  /** Requests whose place among those of others changes nothing for anybody. */
  readonly isPrivate: (actor: string, operation: string, key: string) => boolean;
  /** Requests with which an actor begins to look at everything anew: of what it saw before, only the first look matters. */
  readonly looksAnew: (actor: string, operation: string, key: string) => boolean;
  /** Keys whose change wakes a sleeper. */
  readonly wakes: (key: string) => boolean;
  readonly tickMs: number;
  /** Jumps of time in one course while everybody lives. */
  readonly ticks: number;
  readonly check: (end: Ended) => Promise<void>;
}

export interface Ended {
  readonly store: ObjectStore;
  /** What each actor came to; 'dead' or 'stuck' for those that came to nothing. */
  readonly outcomes: ReadonlyMap<string, PromiseSettledResult<unknown> | 'dead' | 'stuck'>;
  readonly course: readonly string[];
}

interface Request {
  readonly operation: string;
  readonly key: string;
  /** For sleepers: the number of wakening changes when they fell asleep. */
  readonly since: number | null;
  readonly answer: () => Promise<void>;
}

interface Playing {
  readonly actor: Actor;
  readonly requests: Request[];
  history: string;
  readonly looks: string[];
  outcome: PromiseSettledResult<unknown> | 'dead' | null;
}

const current = new AsyncLocalStorage<{ readonly course: Course; readonly playing: Playing }>();

/** The clock of the course that the caller plays in, for a mock of the clock's module. */
export const playedClock = {
  startStopwatch: (): { least: () => number; most: () => number } => {
    const course = playedCourse();
    const start = course.nowMs;
    const passed = (): number => course.nowMs - start;
    return { least: passed, most: passed };
  },
  sleepFor: (): Promise<void> => {
    const { course, playing } = current.getStore() ?? missing();
    return new Promise((wake) => {
      const answer = (): Promise<void> => {
        wake();
        return Promise.resolve();
      };
      playing.requests.push({ operation: 'sleep', key: '', since: course.changes, answer });
    });
  },
  repeatEvery: () => () => undefined,
};

function playedCourse(): Course {
  return (current.getStore() ?? missing()).course;
}

function missing(): never {
  throw new RangeError('The played clock was asked outside of a course.');
}

const ROUNDS = 40;
const MOST_ROUNDS = 10_000;

const MUTATING = new Set(['put', 'putIfAbsent', 'delete', 'touch']);

class Course {
  nowMs: number;
  changes = 0;
  readonly #search: Search;
  readonly #store: ObjectStore;
  readonly #players: Playing[];
  #ticks = 0;

  private constructor(search: Search) {
    this.#search = search;
    this.nowMs = search.startMs;
    this.#store = createMemoryStore(() => this.nowMs);
    this.#players = search.actors.map((actor) => ({ actor, requests: [], history: '', looks: [], outcome: null }));
  }

  static async begin(search: Search): Promise<Course> {
    const course = new Course(search);
    await search.fill(course.#store);
    course.nowMs += search.ageMs;
    for (const playing of course.#players) course.#start(playing);
    await course.settle();
    return course;
  }

  get ended(): Omit<Ended, 'course'> {
    const outcomes = new Map(this.#players.map(({ actor, outcome }) => [actor.name, outcome ?? ('stuck' as const)]));
    return { store: this.#store, outcomes };
  }

  /** What may happen next. */
  choices(): string[] {
    const alive = this.#players.filter(({ outcome }) => outcome === null);
    const ready = alive.filter(({ requests: [next] }) => next && (next.since === null || next.since < this.changes));
    const choices = ready.map(({ actor }) => actor.name);
    const someoneDied = this.#players.some(({ outcome }) => outcome === 'dead');
    // A request that is on its way arrives before time jumps.
    const onTheWay = alive.some(({ requests }) => requests.some(({ operation }) => operation === 'delete'));
    const sleeping = alive.some(({ requests: [next] }) => next?.operation === 'sleep');
    if (sleeping && !onTheWay && (this.#ticks < this.#search.ticks || ready.length === 0)) choices.push('tick');
    if (!someoneDied)
      choices.push(...alive.filter(({ actor }) => actor.mayDie).map(({ actor }) => `death of ${actor.name}`));
    return choices;
  }

  async take(choice: string): Promise<void> {
    const dying = this.#players.find(({ actor }) => choice === `death of ${actor.name}`);
    if (choice === 'tick') {
      this.#ticks += 1;
      this.nowMs += this.#search.tickMs;
      this.changes += 1;
    } else if (dying) dying.outcome = 'dead';
    else await this.#answer(this.#players.find(({ actor }) => actor.name === choice) as Playing);
    await this.settle();
  }

  /** Answers what concerns nobody else, until every actor waits for something that does. */
  async settle(): Promise<void> {
    for (;;) {
      await this.#quiet();
      const own = this.#players.find(
        ({ actor, requests: [next], outcome }) =>
          outcome === null && next && this.#search.isPrivate(actor.name, next.operation, next.key),
      );
      if (!own) return;
      await this.#answer(own);
    }
  }

  /** Waits until everybody has asked for something or is done. Their code between two requests is microtasks alone. */
  async #quiet(): Promise<void> {
    const isBusy = ({ requests, outcome }: Playing): boolean => requests.length === 0 && outcome === null;
    for (let round = 0; this.#players.some(isBusy); round++) {
      if (round < MOST_ROUNDS) await Promise.resolve();
      else await new Promise((resolve) => setImmediate(resolve));
    }
    // Requests that are made beside the first one.
    for (let round = 0; round < ROUNDS; round++) await Promise.resolve();
  }

  /** Equal for courses that cannot go on differently. */
  async identity(): Promise<string> {
    const hash = createHash('sha256').update(JSON.stringify([this.nowMs, this.#ticks]));
    for await (const { key, modifiedMs } of this.#store.list('')) hash.update(`${key} ${modifiedMs}\n`);
    for (const { history, requests, outcome } of this.#players) {
      // What somebody knew who does nothing more changes nothing.
      if (outcome !== null) {
        hash.update(typeof outcome === 'string' ? outcome : outcome.status);
        continue;
      }
      const asleep = requests.map(({ operation, key, since }) => [
        operation,
        key,
        since !== null && since < this.changes,
      ]);
      hash.update(JSON.stringify([history, asleep]));
    }
    return hash.digest('base64');
  }

  async #answer(playing: Playing): Promise<void> {
    await playing.requests.shift()?.answer();
  }

  #start(playing: Playing): void {
    const store = this.#storeOf(playing);
    current.run({ course: this, playing }, () => {
      void Promise.allSettled([playing.actor.run(store)]).then(([outcome]) => {
        playing.outcome ??= outcome;
      });
    });
  }

  #storeOf(playing: Playing): ObjectStore {
    const real = this.#store;
    return new Proxy(real, {
      get: (_, name) => {
        const value: unknown = Reflect.get(real, name);
        if (typeof value !== 'function') return value;
        if (name === 'list') return (prefix: string, options?: object) => this.#list(playing, prefix, options);
        return (key: string, ...rest: unknown[]) =>
          this.#ask(
            playing,
            { operation: String(name), key },
            () => Reflect.apply(value, real, [key, ...rest]) as Promise<unknown>,
          );
      },
    });
  }

  async *#list(playing: Playing, prefix: string, options: object | undefined): AsyncIterable<ObjectInfo> {
    const all = await this.#ask(playing, { operation: 'list', key: prefix }, async () => {
      const infos: ObjectInfo[] = [];
      for await (const info of this.#store.list(prefix, options)) infos.push(info);
      return infos;
    });
    yield* all;
  }

  #lookAnew(playing: Playing): void {
    playing.looks.push(playing.history);
    if (playing.looks.length > 2) playing.history = `${playing.looks[1] ?? ''} ${playing.looks.length}`;
  }

  #ask<T>(
    playing: Playing,
    { operation, key }: { readonly operation: string; readonly key: string },
    act: () => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer = async (): Promise<void> => {
        if (this.#search.looksAnew(playing.actor.name, operation, key)) this.#lookAnew(playing);
        const [outcome] = await Promise.allSettled([act()]);
        if (MUTATING.has(operation) && this.#search.wakes(key)) this.changes += 1;
        playing.history = createHash('sha256')
          .update(`${playing.history}\n${operation} ${key} ${told(outcome)}`)
          .digest('base64');
        if (outcome.status === 'fulfilled') resolve(outcome.value);
        else reject(outcome.reason as Error);
      };
      playing.requests.push({ operation, key, since: null, answer });
    });
  }
}

/** An answer as far as it can differ between courses. */
function told(outcome: PromiseSettledResult<unknown>): string {
  if (outcome.status === 'rejected') return 'failed';
  const { value } = outcome;
  if (Array.isArray(value)) return (value as ObjectInfo[]).map(({ key, modifiedMs }) => `${key} ${modifiedMs}`).join();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return JSON.stringify(value ?? null);
}

/** Plays every course. @throws what the check throws, with the course */
export async function playAll(search: Search): Promise<{ readonly courses: number; readonly states: number }> {
  const seen = new Set<string>();
  const open: (readonly string[])[] = [[]];
  let courses = 0;
  for (let prefix = open.pop(); prefix !== undefined; prefix = open.pop()) {
    const course = await Course.begin(search);
    const path: string[] = [];
    for (;;) {
      const choices = course.choices();
      if (choices.length === 0) {
        courses += 1;
        await search.check({ ...course.ended, course: path });
        break;
      }
      let choice = prefix[path.length];
      if (choice === undefined) {
        const state = await course.identity();
        if (seen.has(state)) break;
        seen.add(state);
        for (const other of choices.slice(1)) open.push([...path, other]);
        [choice = ''] = choices;
      }
      path.push(choice);
      await course.take(choice);
    }
  }
  return { courses, states: seen.size };
}
