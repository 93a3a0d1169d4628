// What the worker asks the compute child to measure, and what it returns. Plain data.
import type { Commit } from '../../schemas/records.js';
import type { ModelPlace } from '../../models/model-session.js';
import type { BasisConfig, SumsConfig, TableConfig } from './config.js';

export const EVALUATE_TASKS = {
  basis: 'evaluate-basis',
  sums: 'evaluate-sums',
  table: 'evaluate-table',
} as const;

/** Sums of a site over the rows of a split, as activations commits state them. */
export interface StatedMoments {
  readonly rows: number;
  readonly sumX: readonly number[];
  readonly sumSq: number;
}

export interface BasisRequest {
  readonly spool: string;
  readonly key: string;
  readonly config: BasisConfig;
  /** By site. */
  readonly fit: readonly StatedMoments[];
  readonly calib: readonly StatedMoments[];
  readonly measured: readonly StatedMoments[];
  /** Rows to take of each fit object of the one site; the worker answers ask('rows', {index}) with its local copy. */
  readonly take: readonly number[];
  /** Documents objects of the fit split, which ask('documents', {index}) gives; null where no texts are left out. */
  readonly documents: number | null;
}

export interface SumsRequest {
  readonly spool: string;
  readonly key: string;
  readonly shard: string;
  readonly config: SumsConfig;
  readonly weights: string;
  /** Weights of the dictionaries that stand beside it. */
  readonly together: readonly string[];
  readonly basis: string;
  readonly leftOut: string | null;
  /** By site. */
  readonly activations: readonly (readonly string[])[];
  readonly tokens: readonly string[];
  readonly documents: readonly string[];
  readonly model: ModelPlace | null;
}

export interface TableRequest {
  readonly spool: string;
  readonly key: string;
  readonly config: TableConfig;
  /** Shards in order; ask('sums', {index}) gives the local copy of each one's sums. */
  readonly shards: readonly Pick<Commit, 'shard'>[];
  /** Local copy of the evaluation on the model without training; null: it is not compared with one. */
  readonly randomModel: string | null;
}
