// What every stage folder offers (a pure plan, a run, tasks for the compute child) and what a run may use.
import type { StageName, Split } from '../schemas/stages.js';
import type { Beat, BatchRecord, EngineRecord } from '../schemas/records.js';
import type { ObjectRecord } from '../schemas/records.js';
import type { LocalCache } from '../storage/cache/local-cache.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import type { StoredFile } from '../schemas/stored.js';

/** One unit of work of a stage: one commit (or one per site) comes of it. Plain data: items travel in stored lot manifests. */
export interface WorkItem<Inputs = unknown> {
  readonly stage: StageName;
  /** Keys to commit under; several only for activations, one per site, in the order of `sites`. */
  readonly keys: readonly string[];
  /** digestOf(inputs): the commit's name under each key. */
  readonly input: string;
  readonly inputs: Inputs;
  /** Name of the shard in dataset digests, e.g. `3f9a0c1b2d4e5f60-fit-00012`. */
  readonly shard: string;
  readonly split: Split | null;
  /** Estimated work, in rows or tokens, for cutting lots and for progress. */
  readonly size: number;
  /** Where the inputs lie; no part of the item's identity. */
  readonly aux: {
    /** The stored objects that `inputs` names (tokens: source; activations: tokens; encode: activations). */
    readonly objects?: readonly ObjectRecord[];
    /** Segments (zstd JSON arrays of commits) of the pinned upstream snapshot (train: activations; index: encode). */
    readonly segments?: readonly StoredFile[];
    /** Segments of the tokens snapshot (index: the tokens under postings, and where contexts begin). */
    readonly tokens?: readonly StoredFile[];
  };
}

/** A file that a compute child wrote into the spool folder, ready to be stored under its digest. */
export interface SpoolFile {
  readonly table: string;
  readonly path: string;
  /** Shard of this file where an item makes several (corpus); else the item's own. */
  readonly shard?: string | undefined;
  readonly extension: 'arrow' | 'safetensors' | 'onnx' | 'json' | 'bin';
  readonly sha256: string;
  readonly bytes: number;
  readonly rows: number;
  readonly batches: readonly BatchRecord[];
}

/** What a compute child reports for one item and one key. */
export interface ChildOutput {
  readonly files: readonly SpoolFile[];
  readonly statistics: Record<string, unknown>;
}

export interface ChildCall {
  readonly signal: AbortSignal;
  readonly onProgress?: ((value: unknown) => void) | undefined;
  /** Answers `ask`s of the child. */
  readonly onAsk?: ((what: string, request: unknown) => Promise<unknown>) | undefined;
  /** Time in which plain work must report something, milliseconds. */
  readonly noProgressMs?: number | undefined;
}

/** The compute children of this worker. A dead child rejects with TransientError whose details hold `childDied: true`. */
export interface ComputeChildren {
  call<Response>(task: string, request: unknown, call: ChildCall): Promise<Response>;
  /** Asks running tasks to stop at their next safe point. */
  stopAll(): void;
  /** What each may hold; absent: no child of its own, no ceiling. */
  readonly memoryLimitBytes?: number | undefined;
}

export interface StageContext {
  readonly store: ObjectStore;
  readonly cache: LocalCache;
  readonly children: ComputeChildren;
  /** An empty folder for this item's files; removed afterwards. */
  readonly spool: string;
  readonly signal: AbortSignal;
  /** Aborts when work should end at the next safe point (pause, shutdown); an item in hand may still finish. */
  readonly stop: AbortSignal;
  /** Set when finished work is computed again to be compared (mode `all`): names that attempt, so that nothing is taken from the first. */
  readonly recomputation?: string | undefined;
  readonly progress: (value: {
    readonly tokens?: number;
    readonly rows?: number;
    readonly step?: number;
    /** Of the last step (language models), nats. */
    readonly loss?: number;
    /** What a training does before its steps and between them; null: steps. */
    readonly doing?: Beat['progress']['doing'];
  }) => void;
}

/** What a stage's run returns for one key; the caller turns it into a commit. */
export interface StageOutput {
  readonly key: string;
  readonly files: readonly SpoolFile[];
  readonly statistics: Record<string, unknown>;
  readonly engine: EngineRecord | null;
}

/** The result of running one item. `finished: false` (training only): a checkpoint was written, call again. */
export interface StageResult {
  readonly finished: boolean;
  readonly outputs: readonly StageOutput[];
}

/** Does one item of a stage on the worker's side. */
export type StageRun<Config, Inputs> = (
  item: WorkItem<Inputs>,
  config: Config,
  context: StageContext,
) => Promise<StageResult>;
