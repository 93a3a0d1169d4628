// The activities that workflows may call. Types alone, no code.
import type { StageName } from '../schemas/stages.js';
import type {
  LotInput,
  LotResult,
  ManifestRef,
  MemberPrepared,
  ResumeMode,
  RunInput,
  RunRef,
  ScheduledInput,
  StageFinished,
  StagePlanned,
} from '../schemas/messages.js';

export interface Activities {
  planStage(input: {
    readonly ref: RunRef;
    readonly stage: StageName;
    /** Id of the step; absent in runs of earlier releases, which plan all steps of a stage as one. */
    readonly step?: string;
    readonly mode: ResumeMode;
  }): Promise<StagePlanned>;
  runLot(input: LotInput): Promise<LotResult>;
  publishStage(input: {
    readonly ref: RunRef;
    readonly stage: StageName;
    readonly manifest: ManifestRef;
    readonly complete: boolean;
  }): Promise<StageFinished>;
  recordEvent(input: {
    readonly ref: RunRef;
    readonly type: string;
    readonly data: Record<string, unknown>;
    /** Only while this execution is the run's latest and has told no end. */
    readonly onlyIfOpen?: string;
  }): Promise<void>;
  /** Whether anybody has polled a queue of activities within the last five minutes. */
  isQueueServed(input: { readonly queue: string }): Promise<boolean>;
  /** Resolves a schedule's template for one scheduled time and stores the run; null when that run is already complete. */
  prepareScheduledRun(input: {
    readonly schedule: ScheduledInput;
    readonly scheduledMs: number;
  }): Promise<RunInput | null>;
  /** Resolves one run of a stored suite and stores it. */
  prepareMember(input: {
    readonly ref: RunRef;
    readonly member: number;
    readonly mode: ResumeMode;
  }): Promise<MemberPrepared>;
}
