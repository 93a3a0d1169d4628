// What a lot does with one item: run its stage, commit the outputs (or compare them, mode `all`), quarantine what cannot succeed.
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import type { StageName } from '../../schemas/stages.js';
import { DataError, type AssayError } from '../../schemas/errors.js';
import type { ResumeMode, RunRef } from '../../schemas/messages.js';
import { attemptRecord, type Attempt } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { commitOutput, getCommit } from '../../storage/records/commits.js';
import { appendEvent } from '../../storage/records/events.js';
import { deleteQuarantine, getQuarantine, putQuarantine } from '../../storage/records/quarantine.js';
import { putAttempt } from '../../storage/records/runs.js';
import { STAGE_TABLE } from '../../stages/table.js';
import type { ComputeChildren, StageContext, StageOutput, WorkItem } from '../../stages/stage.js';
import { patient } from './patient.js';
import type { LocalCache } from '../../storage/cache/local-cache.js';
import { compareWithCommit } from './compare.js';
import type { LotCursor } from './cursor.js';
import type { LotWork } from './run-lot.js';

export interface LotWorkInput {
  readonly store: ObjectStore;
  readonly stage: StageName;
  readonly mode: ResumeMode;
  readonly ref: Pick<RunRef, 'run' | 'revision'>;
  readonly items: readonly { readonly item: WorkItem; readonly config: unknown }[];
  readonly dependencies: {
    cacheFor(store: ObjectStore): LocalCache;
    readonly children: ComputeChildren;
    readonly version: string;
  };
  /** Names this recomputation (mode `all`): the same for all links of a training. */
  readonly recomputation: string;
  /** Where the fate of each shard is logged. */
  readonly log?: LotLog | undefined;
  /** Time in which plain work in a compute child must report something; absent: the project's limit. */
  readonly noProgressMs?: number | undefined;
  readonly signal: AbortSignal;
  readonly stop: AbortSignal;
  readonly onProgress: StageContext['progress'];
  readonly onCursor: (cursor: LotCursor) => void;
}

export interface LotLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
}

/** Differences that a lot names: where everything differs, more say no more. */
const MOST_TOLD = 10;

export function createLotWork(input: LotWorkInput): LotWork {
  const work = new ItemWork(input);
  return {
    onCursor: input.onCursor,
    isCommitted: (item) => work.isCommitted(item),
    runItem: (item, spool) => work.run(item, spool),
    quarantine: (item, error, attempts) => work.quarantine(item, error, attempts),
  };
}

class ItemWork {
  readonly #input: LotWorkInput;
  readonly #configs: ReadonlyMap<WorkItem, unknown>;
  #told = 0;

  constructor(input: LotWorkInput) {
    this.#input = input;
    this.#configs = new Map(input.items.map(({ item, config }) => [item, config]));
  }

  async run(item: WorkItem, spool: string): Promise<{ readonly finished: boolean; readonly different: number }> {
    const { store, stage, mode, dependencies, signal, stop, onProgress: progress } = this.#input;
    const startedMs = Date.now();
    const attempt = await this.#recordAttempt(item, startedMs);
    const cache = dependencies.cacheFor(store);
    const children = patient(dependencies.children, this.#input.noProgressMs);
    const recomputation = mode === 'all' ? this.#input.recomputation : undefined;
    const context = { store, cache, children, spool, signal, stop, progress, recomputation };
    const result = await STAGE_TABLE[stage].run(item, this.#configs.get(item), context);
    let different = 0;
    for (const output of result.outputs) different += await this.#commit(item, output, attempt);
    const fields = { ...this.#fields(item), wallMs: Date.now() - startedMs, different };
    this.#input.log?.info(fields, result.finished ? 'shard done' : 'checkpoint written');
    // What was quarantined before and succeeded now is no longer bad.
    if (result.finished && mode !== 'missing')
      await Promise.all(this.#addresses(item).map((address) => deleteQuarantine(store, address)));
    return { finished: result.finished, different };
  }

  /** Whether a commit stands under every key; its quarantine, if any, is over then. */
  async isCommitted(item: WorkItem): Promise<boolean> {
    const { store, mode } = this.#input;
    const addresses = this.#addresses(item);
    const commits = await Promise.all(addresses.map((address) => getCommit(store, address)));
    if (commits.includes(null)) return false;
    if (mode !== 'missing') await Promise.all(addresses.map((address) => deleteQuarantine(store, address)));
    return true;
  }

  /** @throws the error itself where the stage's failures end the run */
  async quarantine(item: WorkItem, error: AssayError, attempts: number): Promise<void> {
    const { store, stage, ref } = this.#input;
    if (!STAGE_TABLE[stage].mayQuarantine(error, this.#configs.get(item))) throw error;
    this.#input.log?.warn({ ...this.#fields(item), attempts }, `quarantined: ${error.message}`);
    for (const address of this.#addresses(item)) {
      if (await getCommit(store, address)) continue;
      const before = await getQuarantine(store, address);
      await putQuarantine(store, {
        formatVersion: 1,
        ...address,
        ...describe(item, error),
        attempts: attempts + (before?.attempts ?? 0),
        run: ref.run,
        revision: ref.revision,
        atMs: Date.now(),
      });
    }
  }

  /** Commits one output; in mode `all` compares it instead where a commit stands. Returns how many differ (0 or 1). */
  async #commit(item: WorkItem, output: StageOutput, attempt: Attempt): Promise<number> {
    const { store, stage, mode, ref, dependencies, signal } = this.#input;
    if (mode === 'all') {
      const standing = await getCommit(store, { stage, key: output.key, input: item.input });
      if (standing && (await compareWithCommit(store, standing, output))) return 0;
      if (standing) return this.#tellDifference(item, output);
    }
    const { run, revision } = ref;
    const producer = { version: dependencies.version, host: os.hostname(), run, revision };
    const { input, inputs, shard, split } = item;
    const who = { attempt: attempt.id, wallMs: Date.now() - attempt.startedMs, producer };
    await commitOutput(store, { stage, input, inputs, shard, split, ...output, ...who }, { signal });
    return 0;
  }

  /** Names the shard in the run's events. @returns 1 */
  async #tellDifference({ shard, input }: WorkItem, { key }: StageOutput): Promise<number> {
    const { store, stage, ref } = this.#input;
    if (this.#told++ < MOST_TOLD) {
      const run = { name: ref.run, revision: ref.revision };
      const data = { stage, shard, key, input };
      await appendEvent(store, run, { type: 'shard-differs', data, atMs: Date.now() });
    }
    return 1;
  }

  async #recordAttempt(item: WorkItem, startedMs: number): Promise<Attempt> {
    const { store, stage, ref } = this.#input;
    const value: Attempt = {
      formatVersion: 1,
      id: randomUUID(),
      stage,
      key: item.keys[0] ?? '',
      input: item.input,
      shard: item.shard,
      worker: `${os.hostname()}/${process.pid}`,
      startedMs,
    };
    const revision = { name: ref.run, revision: ref.revision };
    await putAttempt(store, revision, { id: value.id, value, schema: attemptRecord });
    return value;
  }

  #fields(item: WorkItem): Record<string, unknown> {
    const { stage, ref } = this.#input;
    return { run: ref.run, revision: ref.revision, stage, shard: item.shard };
  }

  #addresses(item: WorkItem): { stage: StageName; key: string; input: string }[] {
    return item.keys.map((key) => ({ stage: this.#input.stage, key, input: item.input }));
  }
}

function describe(
  item: WorkItem,
  error: AssayError,
): {
  inputs: unknown;
  shard: string;
  split: WorkItem['split'];
  errorClass: string;
  message: string;
  details: Record<string, unknown>;
} {
  const { inputs, shard, split } = item;
  return {
    inputs,
    shard,
    split,
    errorClass: error instanceof DataError ? 'DataError' : error.name,
    message: error.message,
    details: error.details,
  };
}
