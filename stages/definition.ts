// What a stage says of itself to the rest of the program: name, version, settings, where its lots go, its steps in a run, its cost.
import type { z } from 'zod';
import { stageKey, type KeyPreimage } from '../core/identity/digest.js';
import type { AssayError } from '../schemas/errors.js';
import type { StageName } from '../schemas/stages.js';
import type { WorkItem } from './stage.js';
import type { Step } from './step.js';
import type { Work } from './work.js';

/** Where the lots of a stage may be done: where the sources lie, by any worker that moves bytes, on the run's device. */
export type QueueClass = 'sources' | 'io' | 'compute';

/** What the corpus is likely to be, for estimates. */
export interface CorpusSize {
  readonly shards: number;
  readonly textBytes: number;
}

/** What a step is likely to cost; null where nothing can be said before earlier steps are done. */
export interface StageEstimate {
  readonly items: number | null;
  readonly bytes: number | null;
  readonly seconds: number | null;
}

/** What the rest of the program must know of a stage; `table.ts` adds its plan, its run and its tasks. */
export interface StageDefinition<Config> {
  readonly name: StageName;
  /** Raised whenever the bytes that the stage writes change. */
  readonly version: number;
  /** Settings as lot manifests hold them. */
  readonly config: z.ZodType<Config>;
  readonly queue: QueueClass;
  /** Greatest size of a lot in the items' unit: a few minutes of work on one slow core. */
  readonly maxLotSize: number;
  /** A lot is a chain of links with checkpoints (training). */
  readonly chained: boolean;
  /** Word for the items' unit in progress lines. */
  readonly unit: 'tokens' | 'rows' | 'postings' | 'features';
  /** Whether a failure costs only its shard; otherwise it ends the run. */
  mayQuarantine(error: AssayError, config: Config): boolean;
  /** Places outside of the store that an item makes a worker read, paths or URLs: its allow-list judges them. Default none. */
  outside?(item: Pick<WorkItem, 'inputs'>, config: Config): readonly string[];
  /** The stage's steps in a run, with what each reads and makes. */
  steps(work: Work): readonly Step[];
  estimate(work: Work, step: Step, size: CorpusSize): StageEstimate;
}

/** Key of a stage over resolved settings, and what it was made of. `inputs` only where the key covers them. */
export function keyOf(
  stage: Pick<StageDefinition<never>, 'name' | 'version'>,
  config: unknown,
  inputs: unknown = null,
): { readonly key: string; readonly preimage: KeyPreimage } {
  const preimage = { stage: stage.name, stageVersion: stage.version, config, inputs };
  return { key: stageKey(preimage), preimage };
}
