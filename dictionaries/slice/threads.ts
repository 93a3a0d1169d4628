// Slices in threads of their own, one single-threaded session each: which thread holds a slice changes no byte.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ArchitectureName } from '../../schemas/dictionaries.js';
import type { EngineConfig } from '../../schemas/stored.js';
import { ResourceError } from '../../schemas/errors.js';
import { decodeError } from '../../runtime/child/wire-error.js';
import { programFile } from '../../runtime/package-root.js';
import { inPhase } from '../../runtime/phase.js';
import type { LargestScores } from './largest.js';
import type { AdamNumbers } from './moves.js';
import type { Exchange } from './exchange.js';
import type { SliceLink } from './link.js';
import type { SliceSettings } from './settings.js';
import type { Firing, Reconstructed } from './firing.js';
import type { TensorRows } from './tensors.js';
import type { SliceMethod, ThreadData, ThreadReply } from './thread-messages.js';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One thread and the calls that wait for it. */
class SliceThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready: Promise<void>;
  #next = 0;
  #ended = false;

  constructor(data: ThreadData) {
    // Its own heap is small: weights lie outside it.
    this.#worker = new Worker(programFile('slice'), { workerData: data });
    this.#ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (reply: ThreadReply) => {
        if ('ready' in reply) resolve();
        else this.#answer(reply);
      });
      const fail = (error: Error): void => {
        reject(error);
        for (const { reject: refuse } of this.#waiting.values()) refuse(error);
        this.#waiting.clear();
      };
      this.#worker.on('error', (error) => fail(decodeError({ name: error.name, message: error.message, details: {} })));
      this.#worker.on('exit', (code) => {
        if (this.#ended) return;
        fail(new ResourceError(`Expected a thread of a training to go on, it ended with code ${code}.`, { code }));
      });
    });
    this.#ready.catch(() => undefined); // told to whoever calls
  }

  #answer(reply: Exclude<ThreadReply, { ready: true }>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('error' in reply) waiting?.reject(decodeError(reply.error));
    else waiting?.resolve(reply.value);
  }

  async call<T>(slice: number, method: SliceMethod, values: readonly unknown[]): Promise<T> {
    await this.#ready;
    const id = this.#next++;
    return inPhase(
      'compute',
      () =>
        new Promise<unknown>((resolve, reject) => {
          this.#waiting.set(id, { resolve, reject });
          this.#worker.postMessage({ id, slice, method, values });
        }),
    ) as Promise<T>;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }
}

class ThreadSlice implements SliceLink {
  readonly settings: SliceSettings;
  readonly exchange: Exchange;
  readonly #thread: SliceThread;

  constructor(settings: SliceSettings, exchange: Exchange, thread: SliceThread) {
    this.settings = settings;
    this.exchange = exchange;
    this.#thread = thread;
  }

  choose(deadBefore: number | null, quantised?: boolean, measured?: readonly number[] | null): Promise<number> {
    return this.#call('choose', deadBefore, quantised, measured);
  }

  reconstruct(): Promise<Reconstructed> {
    return this.#call('reconstruct');
  }

  scoresOfRows(count: number): Promise<LargestScores> {
    return this.#call('scoresOfRows', count);
  }

  scoresAbove(from: number, count: number): Promise<Float32Array[]> {
    return this.#call('scoresAbove', from, count);
  }

  propose(): Promise<void> {
    return this.#call('propose');
  }

  infer(): Promise<Firing> {
    return this.#call('infer');
  }

  derive(step: number, slope: number): Promise<number> {
    return this.#call('derive', step, slope);
  }

  update(numbers: AdamNumbers): Promise<number> {
    return this.#call('update', numbers);
  }

  read(rows: Omit<TensorRows, 'data'>): Promise<TensorRows['data']> {
    return this.#call('read', rows);
  }

  write(rows: TensorRows): Promise<void> {
    return this.#call('write', rows);
  }

  #call<T>(method: SliceMethod, ...values: readonly unknown[]): Promise<T> {
    return this.#thread.call(this.settings.slice.index, method, values);
  }
}

export interface ThreadedSlices {
  readonly links: readonly SliceLink[];
  release(): Promise<void>;
}

export interface SlicesToThread {
  readonly architecture: ArchitectureName;
  readonly engine: Pick<EngineConfig, 'optimisation'>;
  readonly slices: readonly { readonly settings: SliceSettings; readonly exchange: Exchange }[];
}

/** Neighbouring slices share a thread where there are more of them than cores. */
export function startThreads({ architecture, engine, slices }: SlicesToThread): ThreadedSlices {
  const threads = Math.min(slices.length, availableParallelism());
  const placed = slices.map((_, i) => Math.floor((i * threads) / slices.length));
  const started = Array.from({ length: threads }, (_, t) => {
    const own = slices.filter((_, i) => placed[i] === t);
    const data = own.map(({ settings: { rule: _, infers: __, ...settings }, exchange }) => ({ settings, exchange }));
    return new SliceThread({ architecture, optimisation: engine.optimisation, slices: data });
  });
  return {
    links: slices.map(
      ({ settings, exchange }, i) => new ThreadSlice(settings, exchange, started[placed[i] as number] as SliceThread),
    ),
    release: async () => {
      await Promise.all(started.map((thread) => thread.end()));
    },
  };
}
