// A worker's sign of life in the store: who works on what, how far, how fast. Written every 2 s at first, then more rarely, so that `status` needs no Temporal.
import { LIMITS } from '../schemas/orchestration.js';
import type { StageName } from '../schemas/stages.js';
import type { RunRef } from '../schemas/messages.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import { putBeat } from '../storage/records/runs.js';
import type { Beat } from '../schemas/records.js';

export interface ItemProgress {
  readonly tokens?: number;
  readonly rows?: number;
  readonly step?: number;
  readonly doing?: Beat['progress']['doing'];
}

export interface BeatWriterInput {
  readonly store: ObjectStore;
  readonly ref: RunRef;
  readonly stage: StageName;
  readonly lot: number;
  readonly hostId: string;
}

export class BeatWriter {
  readonly #input: BeatWriterInput;
  #progress: ItemProgress = {};
  #lastMs = 0;
  #firstMs: number | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(input: BeatWriterInput) {
    this.#input = input;
  }

  update(progress: ItemProgress): void {
    // What a training begins to do is said with the next tick: its shard takes longer than any other.
    const begins = progress.doing !== undefined && progress.doing !== this.#progress.doing;
    if (begins || (this.#progress.step === undefined && progress.step !== undefined)) this.#lastMs = 0;
    this.#progress = { ...this.#progress, ...progress };
  }

  /** Writes a beat when the last one is old enough. A beat that cannot be written is no reason to fail. */
  tick(): void {
    const now = Date.now();
    this.#firstMs ??= now;
    // Often at first, when somebody looks, and more rarely in long work, so that a store is asked little.
    const pauseMs = Math.min(LIMITS.beatMs, Math.max(LIMITS.firstBeatMs, (now - this.#firstMs) / 8));
    if (now - this.#lastMs < pauseMs) return;
    this.#lastMs = now;
    const { store, ref, stage, lot, hostId } = this.#input;
    const beat: Beat = {
      formatVersion: 1,
      atMs: now,
      worker: `${hostId}/${process.pid}`,
      stage,
      lot,
      progress: { ...this.#progress },
    };
    const run = { name: ref.run, revision: ref.revision };
    this.#writing = putBeat(store, run, { ...beat }).catch(() => undefined);
  }

  close(): Promise<void> {
    return this.#writing;
  }
}
