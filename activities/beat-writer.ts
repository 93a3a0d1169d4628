// A worker's sign of life in the store: who works on what, how far, how fast. Written every 15 s at most, so that `status` needs no Temporal.
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
  #writing: Promise<void> = Promise.resolve();

  constructor(input: BeatWriterInput) {
    this.#input = input;
  }

  update(progress: ItemProgress): void {
    // The first step of a training is said with the next tick: its shard takes longer than any other.
    if (this.#progress.step === undefined && progress.step !== undefined) this.#lastMs = 0;
    this.#progress = { ...this.#progress, ...progress };
  }

  /** Writes a beat when the last one is old enough. A beat that cannot be written is no reason to fail. */
  tick(): void {
    const now = Date.now();
    if (now - this.#lastMs < LIMITS.beatMs) return;
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
