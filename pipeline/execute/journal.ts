// Tells the store how a training by one process goes: events and signs of life, as the workers of a run do, so that `runs`,
// `status` and `logs` show it.
import os from 'node:os';
import { LIMITS } from '../../schemas/orchestration.js';
import type { StageName } from '../../schemas/stages.js';
import { ownProcess } from '../../stages/live-history.js';
import type { StageContext } from '../../stages/stage.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { appendEvent } from '../../storage/records/events.js';
import { putBeat } from '../../storage/records/runs.js';

type Progress = Parameters<StageContext['progress']>[0];

export class Journal {
  readonly #store: ObjectStore;
  readonly #run: { readonly name: string; readonly revision: number };
  #stage: StageName = 'corpus';
  #progress: Progress = {};
  #heart: NodeJS.Timeout | null = null;
  #beating: Promise<void> = Promise.resolve();

  constructor(store: ObjectStore, run: { readonly name: string; readonly revision: number }) {
    this.#store = store;
    this.#run = run;
  }

  /** Begins: an event, and a sign of life now and every 15 s. */
  async start(): Promise<void> {
    // Whoever finds no end to this can tell whether the process still lives.
    await this.event('started', { process: await ownProcess() });
    this.#beat();
    this.#heart = setInterval(() => {
      this.#beat();
    }, LIMITS.beatMs);
    this.#heart.unref();
  }

  async event(type: string, data: Record<string, unknown>): Promise<void> {
    await appendEvent(this.#store, this.#run, { type, data, atMs: Date.now() });
  }

  stage(stage: StageName): void {
    this.#stage = stage;
    this.#progress = {};
  }

  progress(progress: Progress): void {
    this.#progress = progress;
  }

  /** Ends with the given event. */
  async end(type: 'completed' | 'failed' | 'cancelled', data: Record<string, unknown>): Promise<void> {
    if (this.#heart) clearInterval(this.#heart);
    await this.#beating;
    await this.event(type, data);
  }

  #beat(): void {
    const beat = {
      formatVersion: 1,
      atMs: Date.now(),
      worker: `${os.hostname()}/${process.pid}`,
      stage: this.#stage,
      lot: 0,
      progress: { ...this.#progress },
    };
    // A beat that cannot be written is missed, no more.
    this.#beating = putBeat(this.#store, this.#run, beat).catch(() => undefined);
  }
}
