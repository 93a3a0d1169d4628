// Tells when a compute child makes no progress. Progress is what the child itself reports: items, steps, questions, phases, and beats
// of its event loop. No deadline on a task: what reports may take any time. Time counts only while this process runs too (a machine
// that slept is nobody's hang) and while the child does not wait for an answer.
import { LIMITS } from '../../schemas/orchestration.js';

/** What a child is doing: plain work, or one call of ONNX Runtime, during which it can report nothing. */
export type Phase = keyof typeof LIMITS.noProgressMs.phases;

/** A child whose loop beats and which reports no work for so many times its allowance waits for what never comes. */
const IDLE_FACTOR = 12;

/** A child that got less of a processor than one part in so many waited; on a crowded machine one that computes gets little too. */
const BUSY_SHARE = 20;

export interface NoProgress {
  readonly seconds: number;
  readonly phase: Phase;
  /** Whether it computed all the while: the same work would hang again. Else it waited, which may be the machine's fault. */
  readonly busy: boolean;
}

export class Watchdog {
  readonly #allowedMs: number;
  #phase: Phase = 'work';
  #silentMs = 0;
  #idleMs = 0;
  #lastMs: number;
  #cpuMs: number | null = null;
  /** Processor time of the child since it was last heard of; null where the system does not tell. */
  #busyMs: number | null = 0;

  /** @param noProgressMs silence allowed in plain work; other phases have multiples of it */
  constructor(nowMs: number, noProgressMs: number) {
    this.#allowedMs = noProgressMs;
    this.#lastMs = nowMs;
  }

  /** The child did something. */
  progress(): void {
    this.#idleMs = 0;
    this.beat();
  }

  /** The child's event loop turns. */
  beat(): void {
    this.#silentMs = 0;
    this.#busyMs = 0;
  }

  enter(phase: Phase): void {
    this.#phase = phase;
    this.progress();
  }

  /**
   * Looks at the clock, at least once in `tickMs`. @param cpuMs processor time that the child has used; null where unknown
   * @returns how it hangs, or null
   */
  look(
    nowMs: number,
    { tickMs, cpuMs, waits }: { tickMs: number; cpuMs: number | null; waits: boolean },
  ): NoProgress | null {
    // A look that comes late counts no more than two: this process stood still too, and what the child said is not read yet.
    const passedMs = Math.min(nowMs - this.#lastMs, 2 * tickMs);
    this.#lastMs = nowMs;
    const usedMs = cpuMs === null || this.#cpuMs === null ? null : cpuMs - this.#cpuMs;
    this.#cpuMs = cpuMs;
    if (waits) {
      this.progress();
      return null;
    }
    this.#silentMs += passedMs;
    this.#idleMs += passedMs;
    if (usedMs !== null && this.#busyMs !== null) this.#busyMs += usedMs;
    const allowedMs = this.#allowedMs * LIMITS.noProgressMs.phases[this.#phase];
    const silent = this.#silentMs >= allowedMs;
    if (!silent && this.#idleMs < IDLE_FACTOR * allowedMs) return null;
    const seconds = Math.round((silent ? this.#silentMs : this.#idleMs) / 1000);
    return { seconds, phase: this.#phase, busy: silent && (this.#busyMs ?? 0) > this.#silentMs / BUSY_SHARE };
  }
}
