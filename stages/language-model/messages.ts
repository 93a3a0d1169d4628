// What the worker asks the compute child to train, what the child asks back, and what it returns. Plain data.
import type { EngineRecord } from '../../schemas/records.js';
import type { LanguageModelConfig } from './config.js';
import type { ChildOutput, SpoolFile } from '../stage.js';
import type { StreamFile } from './token-stream.js';

/** Name of the task that trains a language model. */
export const LANGUAGE_MODEL_TASK = 'language-model';

/** One row of the model's `training` table. */
export interface LossRow {
  /** fit: the step's batch; calib, test: the whole split. */
  readonly split: 'fit' | 'calib' | 'test';
  /** Steps done. */
  readonly step: number;
  /** Target tokens trained on: step · batch · contextTokens. */
  readonly tokens: number;
  /** Mean loss in nats: fit weighted, as it is minimised; calib and test unweighted. */
  readonly loss: number;
  readonly lr: number;
  /** Global gradient norm before clipping; null where nothing was trained. */
  readonly gradNorm: number | null;
}

/** Loss of a split and the number of targets that it is the mean of. */
export interface SplitLoss {
  readonly loss: number;
  readonly tokens: number;
}

/** Counters and log of a checkpoint; the tensors lie in its file. */
export interface CheckpointState {
  readonly step: number;
  readonly log: readonly LossRow[];
}

export interface Checkpoint {
  readonly file: Pick<SpoolFile, 'path' | 'sha256' | 'bytes'>;
  readonly state: CheckpointState;
}

export interface LanguageModelRequest {
  readonly spool: string;
  /** Shard name of the outputs. */
  readonly shard: string;
  readonly key: string;
  readonly config: LanguageModelConfig['keyed'];
  /** Digest of the training stream: keys the order of data. */
  readonly stream: string;
  /** Local copies. */
  readonly streams: {
    readonly training: StreamFile;
    readonly calib: StreamFile | null;
    readonly test: StreamFile | null;
  };
  readonly init: string | null;
  readonly batches: string | null;
  /** A local copy of the last checkpoint's tensors; null to begin. */
  readonly checkpoint: { readonly path: string; readonly state: CheckpointState } | null;
  /** Milliseconds between checkpoints, and after which to write one and return. */
  readonly checkpointMs: number;
  readonly limitMs: number;
}

/** Questions of the child and their answers. */
export interface LanguageModelAsks {
  /** Stores a checkpoint; its file may be deleted afterwards. */
  readonly checkpoint: { readonly request: Checkpoint; readonly answer: null };
  /** Whether to go on. */
  readonly proceed: { readonly request: null; readonly answer: boolean };
}

export interface LanguageModelProgress {
  readonly step: number;
  readonly tokens: number;
  /** Of the last step. */
  readonly loss: number;
}

export interface LanguageModelResponse {
  /** The state to store, or null where nothing changed since the last stored one. */
  readonly checkpoint: Checkpoint | null;
  /** The finished model; null: to be continued. */
  readonly output: ChildOutput | null;
  readonly engine: EngineRecord;
}
