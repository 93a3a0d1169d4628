// What clients, workflows and activities say to each other: references and counts only, under 2 KB. Types alone, no code.
import type { StageName } from './stages.js';

/** Where a run's records lie. Credentials are never part of it: each worker has its own. */
export interface RunRef {
  readonly store: { readonly url: string; readonly options: StoreOptionsMessage };
  readonly run: string;
  readonly revision: number;
}

export interface StoreOptionsMessage {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly pathStyle?: boolean | undefined;
  readonly checksums?: 'when_supported' | 'when_required';
}

/** What to do again: what is missing; that and what was quarantined; everything (compared, nothing replaced). */
export type ResumeMode = 'missing' | 'errored' | 'all';

/** A stored lot manifest: an index object that names chunks of lots. */
export interface ManifestRef {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface StagePlanned {
  readonly stageVersion: number;
  readonly manifest: ManifestRef;
  readonly lots: number;
  /** Items to do, and items planned in all (done ones included). */
  readonly items: number;
  readonly planned: number;
  /** Queue for the lots. */
  readonly queue: string;
  /** Whether a lot is a chain of links that continues until it is finished (training). */
  readonly chained: boolean;
  /** Names under which no other run may work meanwhile; absent: none. */
  readonly leases?: readonly string[];
}

export interface LotInput {
  readonly ref: RunRef;
  readonly stage: StageName;
  readonly stageVersion: number;
  readonly manifest: ManifestRef;
  readonly lot: number;
  readonly mode: ResumeMode;
  /** Items of the lot that an earlier call ended; this one begins after them. */
  readonly from?: number;
  /** The run file's tolerance.noProgressSeconds. */
  readonly noProgressSeconds?: number;
}

export interface LotResult {
  readonly done: number;
  readonly quarantined: number;
  /** Recomputed items whose content differs from the commit's (mode `all`). */
  readonly different: number;
  /** False when the lot stopped early (pause, shutdown, end of a training link) and is to be given out again. */
  readonly finished: boolean;
  /** Items of the lot, from its first, that have ended. */
  readonly ended: number;
  /** The queue of the host that has the lot's state cached. */
  readonly hostQueue: string;
}

export interface StageFinished {
  readonly planned: number;
  readonly committed: number;
  readonly quarantined: number;
  /** Splits that had shards planned and have none left. */
  readonly emptySplits: readonly string[];
}

/** A step of a run as its workflow sees it. */
export interface RunStep {
  readonly id: string;
  readonly stage: StageName;
  /** Numbers of the steps that must be published first. */
  readonly after: readonly number[];
}

export interface RunInput {
  readonly ref: RunRef;
  /** The steps, each after those that it waits for. */
  readonly steps?: readonly RunStep[];
  /** What runs of earlier releases were given instead: stages, one after the other. */
  readonly stages?: readonly StageName[];
  readonly mode: ResumeMode;
  readonly window: number;
  readonly tolerance: number;
  readonly noProgressSeconds?: number;
}

export interface RunResult {
  readonly done: number;
  readonly quarantined: number;
  readonly different: number;
}

export interface ScheduledInput {
  readonly storeId: string;
  readonly ref: Pick<RunRef, 'store'>;
  /** Name of the schedule. */
  readonly schedule: string;
  /** IANA time zone in which {{date}} and {{hour}} are told. */
  readonly timeZone: string;
  /** What to do where the run of that time exists already. */
  readonly mode: ResumeMode;
  /** Queue of the host that has the run file's local files. */
  readonly hostQueue: string;
  /** Stored {file, folder}: the run file and the folder from which its paths start. */
  readonly template: ManifestRef;
  /** Name of the store's record that keeps the template; absent in schedules of earlier releases. */
  readonly root?: string;
}

export interface SuiteInput {
  readonly ref: RunRef;
  readonly storeId: string;
  /** Runs of the suite, by their numbers from 0. */
  readonly members: number;
  /** Runs that are under way at once. */
  readonly parallel: number;
  readonly mode: ResumeMode;
  /** Queue of the host that has the file's local files. */
  readonly hostQueue: string;
  /** Where it goes on after it continued as new. */
  readonly from?: number;
  readonly counts?: SuiteResult;
  readonly paused?: boolean;
  readonly reason?: string | null;
}

export interface SuiteResult {
  readonly completed: number;
  readonly failed: number;
}

/** What a suite's workflow is given for one member. */
export interface MemberPrepared {
  readonly run: string;
  /** Null: everything of it is done already. */
  readonly input: RunInput | null;
}
