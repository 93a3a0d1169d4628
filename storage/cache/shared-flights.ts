// One piece of work for all who ask for the same thing at the same time. It ends early only when nobody waits any more.
import { TransientError } from '../../schemas/errors.js';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
}

export class SharedFlights<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /** The result of the work under way for `name`, which is started if there is none. Rejects when `signal` aborts. */
  async join(name: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const flight = this.#flights.get(name) ?? this.#start(name, start);
    flight.waiting += 1;
    try {
      return await untilAborted(flight.result, signal);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) this.#end(name, flight);
    }
  }

  #start(name: string, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abort = new AbortController();
    const result = start(abort.signal);
    const flight: Flight<T> = { result, abort, waiting: 0 };
    this.#flights.set(name, flight);
    // Those who wait hear of a failure; when nobody does any more, nobody need.
    result.catch(() => undefined);
    return flight;
  }

  /** Ends work that nobody waits for, and lets the next one who asks start anew. */
  #end(name: string, flight: Flight<T>): void {
    if (this.#flights.get(name) === flight) this.#flights.delete(name);
    flight.abort.abort(new TransientError(`Nobody waits for ${name} any more.`, { name }));
  }
}

async function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(signal.reason instanceof Error ? signal.reason : new TransientError('Stopped.'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
