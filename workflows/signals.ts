// Signals, updates and queries of run and stage workflows, and the state that they change.
import { condition, defineQuery, defineSignal, isCancellation, setHandler } from '@temporalio/workflow';

export interface Limits {
  readonly window?: number | undefined;
  readonly tolerance?: number | undefined;
}

export interface Progress {
  readonly stage: string | null;
  /** Of a run: the steps that are under way. */
  readonly steps?: readonly string[];
  readonly paused: boolean;
  readonly reason: string | null;
  readonly window: number;
  readonly tolerance: number;
  readonly done: number;
  readonly quarantined: number;
}

export const pauseSignal = defineSignal<[string]>('pause');
export const unpauseSignal = defineSignal('unpause');
export const limitsSignal = defineSignal<[Limits]>('limits');
/** A partition tells its stage what its lots did since it last said so. */
export const reportSignal =
  defineSignal<[{ readonly done: number; readonly quarantined: number; readonly different: number }]>('report');
export const progressQuery = defineQuery<Progress>('progress');

/**
 * Pause state and limits of one workflow, changed by signals; hooks forward them to children. A signal that came before the workflow's
 * first task is delivered while the handlers are set, before the constructor returns: hooks are given the control, and may not close
 * over the variable that is to hold it.
 */
export class Control {
  paused: boolean;
  reason: string | null;
  window: number;
  tolerance: number;
  /** Quarantined shards that an unpause accepted; counting starts anew above them. */
  accepted: number;
  readonly #onPause: (reason: string) => Promise<void>;

  constructor(
    start: { window: number; tolerance: number; paused?: boolean; reason?: string | null; accepted?: number },
    hooks: {
      onPause?: (reason: string) => Promise<void>;
      onUnpause?: (control: Control) => Promise<void>;
      onLimits?: (limits: Limits, control: Control) => Promise<void>;
    } = {},
  ) {
    this.window = start.window;
    this.tolerance = start.tolerance;
    this.paused = start.paused ?? false;
    this.reason = start.reason ?? null;
    this.accepted = start.accepted ?? 0;
    this.#onPause = hooks.onPause ?? (() => Promise.resolve());
    setHandler(pauseSignal, (reason) => heard(this.pause(reason)));
    setHandler(unpauseSignal, async () => {
      this.paused = false;
      this.reason = null;
      await heard(hooks.onUnpause?.(this));
    });
    setHandler(limitsSignal, async (limits) => {
      if (isPositive(limits.window)) this.window = Math.min(200, Math.ceil(limits.window));
      if (isShare(limits.tolerance)) this.tolerance = limits.tolerance;
      await heard(hooks.onLimits?.(limits, this));
    });
  }

  async pause(reason: string): Promise<void> {
    if (this.paused) return;
    this.paused = true;
    this.reason = reason;
    await this.#onPause(reason);
  }

  async untilUnpaused(): Promise<void> {
    await condition(() => !this.paused);
  }
}

/**
 * What a signal brings about besides the state. A cancellation that comes meanwhile is the workflow's: thrown by a handler it would
 * end the workflow at once, before it has said how it ended.
 */
async function heard(done: Promise<void> | undefined): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 1;
}

function isShare(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}
