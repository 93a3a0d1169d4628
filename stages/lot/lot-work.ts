// What a lot does with one item: run its stage, commit the outputs (or compare them, mode `all`), quarantine what cannot succeed.
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import type { StageName } from '../../schemas/constants.js';
import { DataError, type AssayError } from '../../schemas/errors.js';
import type { ResumeMode, RunRef } from '../../schemas/messages.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { commitOutput, getCommit } from '../../storage/records/commits.js';
import {
  deleteQuarantine,
  getQuarantine,
  putQuarantine,
} from '../../storage/records/quarantine.js';
import { STAGE_TABLE } from '../run-plan/stage-table.js';
import type { ComputeChildren, LocalCache, StageContext, StageOutput, WorkItem } from '../stage.js';
import { compareWithCommit } from './compare.js';
import type { LotCursor, LotWork } from './run-lot.js';

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
  readonly signal: AbortSignal;
  readonly stop: AbortSignal;
  readonly onProgress: StageContext['progress'];
  readonly onCursor: (cursor: LotCursor) => void;
}

export function createLotWork(input: LotWorkInput): LotWork {
  const { store, stage, mode, ref, dependencies } = input;
  const row = STAGE_TABLE[stage];
  const configs = new Map(input.items.map(({ item, config }) => [item, config]));
  const addresses = (item: WorkItem): { stage: StageName; key: string; input: string }[] =>
    item.keys.map((key) => ({ stage, key, input: item.input }));

  const commit = async (
    item: WorkItem,
    output: StageOutput,
    startedMs: number,
  ): Promise<number> => {
    const { key, files, statistics, engine } = output;
    if (mode === 'all') {
      const standing = await getCommit(store, { stage, key, input: item.input });
      if (standing) return (await compareWithCommit(store, standing, output)) ? 0 : 1;
    }
    const producer = {
      version: dependencies.version,
      host: os.hostname(),
      run: ref.run,
      revision: ref.revision,
    };
    const { input: name, inputs, shard, split } = item;
    await commitOutput(
      store,
      {
        stage,
        key,
        input: name,
        inputs,
        shard,
        split,
        statistics,
        engine,
        attempt: randomUUID(),
        wallMs: Date.now() - startedMs,
        producer,
        files,
      },
      { signal: input.signal },
    );
    return 0;
  };

  return {
    onCursor: input.onCursor,
    runItem: async (item, spool) => {
      const startedMs = Date.now();
      const context: StageContext = {
        store,
        cache: dependencies.cacheFor(store),
        children: dependencies.children,
        spool,
        signal: input.signal,
        stop: input.stop,
        progress: input.onProgress,
      };
      const result = await row.run(item, configs.get(item), context);
      let different = 0;
      for (const output of result.outputs) different += await commit(item, output, startedMs);
      // What was quarantined before and succeeded now is no longer bad.
      if (result.finished && mode !== 'missing')
        await Promise.all(addresses(item).map((address) => deleteQuarantine(store, address)));
      return { finished: result.finished, different };
    },
    quarantine: async (item, error, attempts) => {
      if (!row.mayQuarantine(error, configs.get(item))) throw error;
      for (const address of addresses(item)) {
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
    },
  };
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
