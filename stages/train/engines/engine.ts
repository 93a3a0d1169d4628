// What computes the steps of one dictionary: the fast step on processors, the differentiated graph elsewhere. Both train the same
// dictionary; which of them does is part of the engine's settings and so of the key.
import type { KindSettings } from '../../../core/dictionaries/architecture.js';
import type { DictionarySettings } from '../../../core/dictionaries/settings.js';
import type { DictionaryShape } from '../../../core/dictionaries/state.js';
import type { CandidateRecall } from '../../../dictionaries/recall.js';
import type { EngineConfig } from '../../../schemas/stored.js';
import type { StoredRows } from '../row-file.js';

export interface EngineParts {
  readonly shape: DictionaryShape;
  readonly sae: DictionarySettings & KindSettings;
  readonly engine: EngineConfig;
  /** Scale of each site whose rows are fed. */
  readonly scales: readonly number[];
  /** x̄ of the scaled fit rows of each. */
  readonly means: readonly Float64Array[];
  /** V of what is written. */
  readonly variance: number;
  /** Of a frozen expert: its first feature in the routed dictionary; default 0. */
  readonly firstFeature?: number;
}

/** How much of a dictionary a training has reached. */
export interface Reach {
  /** Steps in which a feature fired: the median feature, and the share of features with at least 100. */
  readonly updates: { readonly median: number; readonly atLeast100: number };
  /** ‖w − w₀‖ / ‖w₀‖ of rows of the first decoder from their first values: the median of so many rows, spread evenly. */
  readonly movement: { readonly median: number; readonly rows: number };
}

/** A tensor of the state. */
export interface StateTensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int32' | 'int64';
}

export type StateValues = Float32Array | Int32Array | BigInt64Array;

/** Rows `from` … `from + count − 1` of a stored tensor. */
export type StateReader = (tensor: StateTensorInfo, from: number, count: number) => Promise<StateValues>;

/** What is told of one step. */
export interface StepTold {
  readonly loss: number;
  /** Null where the batch has no spread. */
  readonly fvu: number | null;
  readonly l0: number;
  /** Features dead before the step. */
  readonly dead: number;
  readonly gradNorm: number;
}

/** Sums over the calib rows, in scaled units. */
export interface CalibSums {
  readonly rows: number;
  readonly errSq: number;
  readonly xSq: number;
  readonly firings: number;
  /** Σ x of what is written, site after site. */
  readonly sumX: Float64Array;
}

/** One step's rows: of each site whose rows are fed, [count, B, width]. */
export interface StepRange {
  /** Steps done. */
  readonly from: number;
  readonly count: number;
}

export interface TrainingEngine {
  /** All of the state, in the order in which it is stored. */
  readonly tensors: readonly StateTensorInfo[];
  /** Sets the state to that before the first step. */
  begin(): Promise<void>;
  /** Sets the state to a stored one. */
  load(read: StateReader): Promise<void>;
  /** Values of a tensor of the state, some rows at a time. */
  read(tensor: StateTensorInfo): AsyncIterable<StateValues>;
  /**
   * Steps on the rows. @returns what is told of each; fewer than asked where a step's numbers were not finite: that step and those
   * after it are not told, and the state is void
   */
  train(rows: readonly Float32Array[], range: StepRange): Promise<StepTold[]>;
  /** Measures the calib rows, and sets from them what the kind wants set. */
  measure(calib: StoredRows): Promise<CalibSums>;
  /** Features that had not fired in the last `deadAfterTokens` rows when `step` steps are done. */
  countDead(step: number): Promise<number>;
  /** How well candidates in 8 bits did; null where candidates are exact by configuration. */
  readonly recall: CandidateRecall | null;
  /** How far the training has come, by feature; null where it is not counted. */
  reach(): Promise<Reach | null>;
  release(): Promise<void>;
}
