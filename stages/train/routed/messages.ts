// What the worker asks the compute child in the steps of frozen experts, and what it returns. Plain data.
import type { WireMoments, RowFile } from '../messages.js';
import type { JoinConfig, RoutesConfig, RowsConfig } from './config.js';

/** Names of the tasks. */
export const ROUTED_TASKS = { routes: 'find-routes', rows: 'sort-rows', join: 'join-experts' } as const;

interface Output {
  readonly spool: string;
  readonly key: string;
  readonly shard: string;
}

export interface RoutesRequest extends Output {
  readonly config: RoutesConfig;
  /** The sample of fit rows that clusters are found on. */
  readonly rows: RowFile;
  /** Of all raw fit rows. */
  readonly moments: WireMoments;
}

export interface RowsRequest extends Output {
  readonly config: RowsConfig;
  /** Local copies of the shard's activations objects, in order. */
  readonly activations: readonly string[];
  /** Local copy of the routes. */
  readonly routes: string;
}

/** The child asks for files of experts by `expert`. */
export interface JoinRequest extends Output {
  readonly config: JoinConfig;
  readonly routes: string;
  /** Statistics of the experts' commits, in order. */
  readonly statistics: readonly Readonly<Record<string, unknown>>[];
}

export interface ExpertAsk {
  readonly expert: number;
  readonly table: 'weights' | 'training';
}
