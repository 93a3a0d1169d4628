// What the worker asks the compute child to train, what the child asks back, and what it returns. Plain data.
import type { BatchRecord, EngineRecord } from '../../schemas/records.js';
import type { SuperbufferId } from '../../core/order/data-order.js';
import type { TrainConfig } from './config.js';
import type { ChildOutput, SpoolFile } from '../stage.js';

/** Name of the task that trains. */
export const TRAIN_TASK = 'train';

/** One record batch of activations as the data order sees it. */
export interface BlockShape {
  readonly rows: number;
  /** Rows of the shard that it belongs to. */
  readonly shardRows: number;
}

/** A block with its place in the store: one record batch per site, of the same rows in the same order. */
export interface Block extends BlockShape {
  readonly parts: readonly BlockPart[];
}

export interface BlockPart {
  /** Key of the object that holds it. */
  readonly object: string;
  /** Its number in that object. */
  readonly index: number;
  readonly batch: BatchRecord;
}

/** A site whose rows are fed, in the order of the dictionaries' sources. */
export interface TrainSite {
  readonly width: number;
  readonly moments: WireMoments;
}

/** Moments of the raw fit rows, as they cross the process border. */
export interface WireMoments {
  readonly rows: number;
  readonly sumX: Float64Array;
  readonly sumSq: number;
}

/** Counters and log of a checkpoint; the tensors lie in its file. */
export interface CheckpointState {
  readonly step: number;
  /** Where the next batch begins; derived from `step`, stored to be read by people. */
  readonly cursor: { readonly epoch: number; readonly index: number; readonly row: number };
  readonly log: readonly TrainingRow[];
  readonly shuffle: ShuffleStatistics | null;
}

/** Same-document partners per row in the first super-buffer's batches, beside the ideal; null without a whole batch. */
export interface ShuffleStatistics {
  readonly batches: number;
  readonly partners: number | null;
  readonly ideal: number | null;
}

/** One row of the `training` table. */
export interface TrainingRow {
  readonly split: 'fit' | 'calib';
  /** Steps done. */
  readonly step: number;
  /** Rows consumed: step · batchRows. */
  readonly tokens: number;
  /** fit: the step's loss with AuxK; calib: Σ‖e‖² / (N V). */
  readonly loss: number;
  /** fit: Σ‖e‖² / Σ‖x − x̄‖² of the batch with the batch's mean; calib: the same over all measured rows; null where undefined. */
  readonly fvu: number | null;
  readonly l0: number;
  /** Share of features that had not fired in the last deadAfterTokens rows. */
  readonly deadFraction: number;
  readonly lr: number;
  /** Global gradient norm after projection, before clipping; null for calib. */
  readonly gradNorm: number | null;
}

/** A dictionary to train, and where it stands. */
export interface TrainDictionary {
  readonly key: string;
  readonly config: TrainConfig['keyed'];
  /** A local copy of the last checkpoint's tensors; null to begin. */
  readonly checkpoint: { readonly path: string; readonly state: CheckpointState } | null;
}

export interface TrainRequest {
  readonly spool: string;
  /** Shard name of the outputs. */
  readonly shard: string;
  readonly sites: readonly TrainSite[];
  /** Model reference of the activations, for the files' metadata. */
  readonly model: string;
  /** Digest of the pinned activations: keys the data order. */
  readonly snapshot: string;
  readonly blocks: readonly BlockShape[];
  /** Rows for the calib split's measurements; 0: no such rows. */
  readonly calibRows: number;
  readonly dictionaries: readonly TrainDictionary[];
  /** Null: the dictionaries are whole ones. */
  readonly expert: TrainedExpert | null;
  /** Milliseconds after which to write checkpoints and return. */
  readonly limitMs: number;
}

/** The frozen expert that is trained. */
export interface TrainedExpert {
  /** Its first feature in the routed dictionary. */
  readonly firstFeature: number;
  /** Mean of the raw fit rows that are its own, as routes state it [d]. */
  readonly mean: Float32Array;
}

/** A local file of raw rows: act [rows · width] in the stored dtype for each site, then doc [rows] u32. */
export interface RowFile {
  readonly path: string;
  readonly rows: number;
}

/** Questions of the child and their answers. */
export interface TrainAsks {
  /** The rows of one super-buffer, blocks end to end. The file before the last asked for may be deleted. */
  readonly superbuffer: { readonly request: SuperbufferId; readonly answer: RowFile };
  readonly calib: { readonly request: null; readonly answer: RowFile };
  /** Whether to go on after this chunk of steps. */
  readonly proceed: { readonly request: null; readonly answer: boolean };
}

export interface TrainProgress {
  readonly step?: number;
  readonly rows?: number;
  /** What it does beside steps; null: steps. */
  readonly doing: 'compiling' | 'reading' | null;
}

/** What became of one dictionary in this call. */
export interface TrainedDictionary {
  readonly key: string;
  readonly step: number;
  /** Whether all steps are done. */
  readonly complete: boolean;
  /** The state to store, or null where nothing changed since the checkpoint that was given. */
  readonly checkpoint: {
    readonly file: Pick<SpoolFile, 'path' | 'sha256' | 'bytes'>;
    readonly state: CheckpointState;
  } | null;
  /** Weights and training table, once all dictionaries of the call are complete. */
  readonly output: ChildOutput | null;
}

export interface TrainResponse {
  readonly dictionaries: readonly TrainedDictionary[];
  readonly engine: EngineRecord;
}
