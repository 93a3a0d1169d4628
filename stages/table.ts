// The stages, one row each: what runs, where its lots go, how large they are, and which failures are a shard's own fault.
import { QUEUES } from '../schemas/orchestration.js';
import type { StageName } from '../schemas/stages.js';
import { TransientError, type AssayError } from '../schemas/errors.js';
import { activationsStage } from './activations/stage.js';
import { corpusStage } from './corpus/run.js';
import { encodeStage } from './encode/run.js';
import { indexStage } from './index/run.js';
import { languageModelStage } from './language-model/run.js';
import type { Stage, StageContext, StageResult, WorkItem } from './stage.js';
import { streamStage } from './stream/run.js';
import { tokensStage } from './tokens/run.js';
import { trainStage } from './train/run.js';
import type { ResolvedRun } from '../schemas/resolved-run.js';

export interface StageRow {
  readonly version: number;
  /** `config` is what the stage's plan put beside the item; each stage knows its own. */
  run(item: WorkItem, config: unknown, context: StageContext): Promise<StageResult>;
  /** Queue of its lots. */
  queue(run: ResolvedRun): string;
  /** Greatest size of a lot in the items' unit: a few minutes of work on one slow core. */
  readonly maxLotSize: number;
  /** A lot is a chain of links (training). */
  readonly chained: boolean;
  /** Whether a failure costs only its shard; otherwise it ends the run. */
  mayQuarantine(error: AssayError, config: unknown): boolean;
}

const compute = (run: ResolvedRun): string => QUEUES.compute(run.engine.provider);
const io = (): string => QUEUES.io;
const always = (): boolean => true;
const never = (): boolean => false;

/** Local files are read on the host that has them; objects of a store by anyone. */
function corpusQueue(run: ResolvedRun): string {
  return run.parts.some((part) => !part.location.includes('://')) ? QUEUES.host(run.hostId) : QUEUES.io;
}

/** With `onBadDocument: fail` a bad document ends the run; a damaged shard costs only itself. */
function unlessBadDocument(error: AssayError, config: unknown): boolean {
  const { keyed } = config as { keyed: { onBadDocument: 'fail' | 'skip' } };
  return keyed.onBadDocument === 'skip' || error.details['id'] === undefined;
}

export const STAGE_TABLE: { readonly [Name in StageName]: StageRow } = {
  corpus: row(corpusStage, {
    queue: corpusQueue,
    maxLotSize: 2 ** 30,
    chained: false,
    mayQuarantine: never,
  }),
  tokens: row(tokensStage, {
    queue: io,
    maxLotSize: 2 ** 24,
    chained: false,
    mayQuarantine: unlessBadDocument,
  }),
  activations: row(activationsStage, {
    queue: compute,
    maxLotSize: 2 ** 21,
    chained: false,
    mayQuarantine: always,
  }),
  train: row(trainStage, { queue: compute, maxLotSize: 1, chained: true, mayQuarantine: never }),
  encode: row(encodeStage, {
    queue: compute,
    maxLotSize: 2 ** 21,
    chained: false,
    mayQuarantine: always,
  }),
  index: row(indexStage, { queue: io, maxLotSize: 2 ** 24, chained: false, mayQuarantine: never }),
  stream: row(streamStage, { queue: io, maxLotSize: 1, chained: false, mayQuarantine: never }),
  'language-model': row(languageModelStage, {
    queue: compute,
    maxLotSize: 1,
    chained: true,
    // One model of many that ran into NaN does not end the others.
    mayQuarantine: always,
  }),
};

function row<Config, Inputs>(stage: Stage<Config, Inputs>, rest: Omit<StageRow, 'run' | 'version'>): StageRow {
  return {
    ...rest,
    version: stage.version,
    run: (item, config, context) => stage.run(item as WorkItem<Inputs>, config as Config, context),
  };
}

/** A lot carries the version of the stage that planned it; a worker that has another leaves it to one that has the same. */
export function assertStageVersion(stage: StageName, version: number): void {
  const own = STAGE_TABLE[stage].version;
  if (own === version) return;
  throw new TransientError(
    `Stage ${stage} was planned with version ${version}, this worker has version ${own}; another worker must do it. Upgrade the workers, or resume the run with this release.`,
    { stage, version, own },
  );
}
