// What the commands that speak with Temporal are asked to do. Types and choices alone: a command line is read without Temporal.
import type { ResumeMode } from '../../schemas/messages.js';
import type { StageName } from '../../schemas/stages.js';
import type { CommandContext } from '../command.js';

export interface UpOptions {
  /** Worker processes to start. */
  readonly workers: number;
}

export interface PlanOptions {
  /** Path of the run file, as given. */
  readonly file: string;
  /** Read the whole corpus instead of estimating from file sizes. */
  readonly exact: boolean;
}

export interface RunOptions {
  /** Path of the run file, as given. */
  readonly file: string;
  readonly follow: boolean;
  /** Worker processes to start for this run; undefined: one, where no worker is there. */
  readonly workers: number | undefined;
  /** Documents to take at most. */
  readonly limit: number | undefined;
  /** Last stage to do. */
  readonly until: StageName | undefined;
}

export const RESUME_MODES: readonly ResumeMode[] = ['missing', 'errored', 'all'];

export interface ResumeOptions {
  readonly run: string;
  readonly mode: ResumeMode;
  readonly follow: boolean;
  readonly workers: number | undefined;
}

/** `pause`, `unpause`, `cancel`. */
export interface TellOptions {
  readonly run: string;
}

export interface SetOptions {
  readonly run: string;
  /** Lots given out at once. */
  readonly window: number | undefined;
  /** Share of planned shards that may be quarantined. */
  readonly tolerance: number | undefined;
}

export interface WorkerOptions {
  readonly roles: readonly string[];
  readonly device: 'auto' | 'cpu' | 'cuda' | 'webgpu';
  /** Compute children at once; undefined: one per core. */
  readonly slots: number | undefined;
  /** Ceiling of one compute child, MB; undefined: the machine's memory shared among the slots. */
  readonly memory: number | undefined;
  /** Folder of cache and spool files; undefined: the user's cache folder. */
  readonly folder: string | undefined;
  /** Host whose local files it serves; undefined: this machine. */
  readonly host: string | undefined;
  /** Everything may be used. */
  readonly allowAny: boolean | undefined;
  /** Stores, or prefixes of stores, that it may use; undefined: the one that commands here mean. */
  readonly allowStore: readonly string[] | undefined;
  /** Endpoints of S3 at which it may use them, besides the SDK's own. */
  readonly allowEndpoint: readonly string[] | undefined;
  /** Folders, files and prefixes in S3 that it may read. */
  readonly allowSource: readonly string[] | undefined;
}

export const OVERLAP_POLICIES = ['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'allow-all'] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

export interface ScheduleCreateOptions {
  /** Path of the run file whose name holds {{date}} or {{hour}}. */
  readonly file: string;
  /** Name of the schedule; undefined: made from the run's name. */
  readonly id: string | undefined;
  readonly cron: string | undefined;
  readonly everyMs: number | undefined;
  readonly timeZone: string;
  readonly overlap: OverlapPolicy;
  readonly jitterMs: number;
  /** How late a missed start may still be made up for. */
  readonly catchUpMs: number | undefined;
  readonly paused: boolean;
}

export interface ScheduleBackfillOptions {
  readonly id: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly mode: ResumeMode;
}

export interface ScheduleActions {
  create(options: ScheduleCreateOptions, context: CommandContext): Promise<number>;
  list(context: CommandContext): Promise<number>;
  show(id: string, context: CommandContext): Promise<number>;
  pause(id: string, context: CommandContext): Promise<number>;
  unpause(id: string, context: CommandContext): Promise<number>;
  trigger(id: string, context: CommandContext): Promise<number>;
  backfill(options: ScheduleBackfillOptions, context: CommandContext): Promise<number>;
  delete(id: string, context: CommandContext): Promise<number>;
}
