// The compute children of one worker: as many as slots, each with one call at a time, calls in order of arrival.
import { ResourceError, TransientError } from '../../schemas/errors.js';
import { ComputeChild, type CallHandlers, type ChildOptions } from './compute-child.js';

export interface PoolOptions extends ChildOptions {
  readonly slots: number;
}

/** How long an idle child has to leave by itself. */
const LEAVE_MS = 3000;

/** How many children in a row may be killed before they are ready. */
const STARTS = 3;

interface Slot {
  child: ComputeChild | null;
  busy: boolean;
  lastTask: string | null;
}

export class ChildPool {
  readonly #options: PoolOptions;
  readonly #slots: Slot[];
  readonly #waiting: { readonly task: string; readonly grant: (slot: Slot) => void }[] = [];
  #closed = false;
  #peakBytes = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.slots }, () => ({
      child: null,
      busy: false,
      lastTask: null,
    }));
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** What each child may hold, bytes. */
  get memoryLimitBytes(): number {
    return this.#options.memoryLimitBytes;
  }

  /** Highest resident memory of any child so far, bytes. */
  get peakBytes(): number {
    return Math.max(this.#peakBytes, ...this.#slots.map((slot) => slot.child?.peakBytes ?? 0));
  }

  /** Calls in progress or waiting. */
  get load(): number {
    return this.#slots.filter((slot) => slot.busy).length + this.#waiting.length;
  }

  async call<Response>(task: string, request: unknown, handlers: CallHandlers): Promise<Response> {
    const slot = await this.#acquire(task, handlers.signal);
    try {
      for (let starts = 1; ; starts++) {
        if (!slot.child?.alive) slot.child = new ComputeChild(this.#options);
        try {
          return (await slot.child.call(task, request, handlers)) as Response;
        } catch (error) {
          if (starts === STARTS || !wasKilledEarly(error) || this.#closed) throw error;
        }
      }
    } finally {
      if (slot.child) this.#peakBytes = Math.max(this.#peakBytes, slot.child.peakBytes);
      this.#release(slot, task);
    }
  }

  /** Asks every running task to stop at its next safe point. */
  stopAll(): void {
    for (const slot of this.#slots) slot.child?.stop();
  }

  /** Ends all children; running calls reject. Resolves once they are gone; one that does not go by itself is killed. */
  async close(): Promise<void> {
    this.#closed = true;
    const shutdown = new TransientError('The worker is shutting down.', { cancelled: true });
    const children = this.#slots.flatMap(({ child, busy }) => (child ? [{ child, busy }] : []));
    await Promise.all(
      children.map(async ({ child, busy }) => {
        if (busy) child.kill(shutdown);
        else child.close();
        const late = setTimeout(() => child.kill(shutdown), LEAVE_MS);
        await child.ended;
        clearTimeout(late);
      }),
    );
  }

  #acquire(task: string, signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    if (this.#closed) throw new TransientError('The worker is shutting down.', { cancelled: true });
    const free = this.#slots.filter((slot) => !slot.busy);
    // A child that did this kind of task before still holds its session; an unstarted slot comes next.
    const best = free.find((slot) => slot.lastTask === task) ?? free.find((slot) => !slot.child) ?? free[0];
    if (best) {
      best.busy = true;
      return Promise.resolve(best);
    }
    return new Promise((resolve, reject) => {
      const entry = {
        task,
        grant: (slot: Slot): void => {
          signal.removeEventListener('abort', abort);
          resolve(slot);
        },
      };
      const abort = (): void => {
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(
          new TransientError('The call was cancelled while it waited for a compute child.', {
            cancelled: true,
          }),
        );
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(entry);
    });
  }

  #release(slot: Slot, task: string): void {
    slot.lastTask = task;
    const next = this.#waiting.shift();
    if (next) next.grant(slot);
    else slot.busy = false;
  }
}

/** Whether somebody killed the child before it heard of the task; one that ended by itself would do so again. */
function wasKilledEarly(error: unknown): boolean {
  if (!(error instanceof ResourceError)) return false;
  return error.details['neverBegan'] === true && error.details['signal'] !== null;
}
