// The live line of a stage: done / planned, speed, time left, quarantined. Pure but for the clock.
import type { StageName } from '../../schemas/stages.js';
import { doingText, stepText } from '../render/progress-text.js';
import { countText } from '../render/quantities.js';
import type { LiveLine, LivePart } from '../terminal/live-line.js';
import type { StoredBeat } from '../../storage/records/run-history.js';

export interface StageMeasure {
  readonly stage: StageName;
  readonly done: number;
  readonly planned: number;
  /** Work of the whole stage, tokens or rows. */
  readonly size: number;
  readonly quarantined: number;
  /** Training steps of each dictionary; null outside training and where dictionaries differ. */
  readonly steps: number | null;
}

export class StageMeter {
  #stage: StageName | null = null;
  /** When the stage started, milliseconds since the epoch. */
  startedMs = Date.now();
  /** Whether an event told so: a sign of life from before is of an earlier attempt. */
  #startIsTold = false;
  #first: number | null = null;
  /** The first beat of the stage that told a step: steps per second are counted from there. */
  #firstStep: { readonly step: number; readonly atMs: number } | null = null;

  start(stage: StageName, atMs: number): void {
    this.#stage = stage;
    this.startedMs = atMs;
    this.#startIsTold = true;
    this.#first = null;
    this.#firstStep = null;
  }

  line(measure: StageMeasure, stored: StoredBeat | null, nowMs = Date.now()): LiveLine {
    const { stage, done, planned, size, quarantined } = measure;
    if (this.#stage !== stage) {
      this.start(stage, nowMs);
      this.#startIsTold = false;
    }
    const beat = stored !== null && this.#startIsTold && stored.atMs < this.startedMs ? null : stored;
    this.#first ??= done;
    const share = planned === 0 ? 0 : done / planned;
    const seconds = Math.max(0.001, (nowMs - this.startedMs) / 1000);
    const newly = planned === 0 ? 0 : (done - this.#first) / planned;
    const step = beat?.stage === stage ? beat.progress?.['step'] : undefined;
    const training = stage === 'train' && typeof step === 'number';
    // Of one training the steps say how far it is, also where its result is there and it is done again.
    const bySteps = stage === 'train' && planned === 1 && measure.steps;
    const stepsDone = training && bySteps ? step / bySteps : null;
    const parts: LivePart[] = bySteps ? [] : [`${countText(done)} / ${countText(planned)}`];
    const doing = beat?.stage === stage && stage === 'train' ? doingText(beat.progress?.['doing']) : null;
    if (doing !== null) parts.push(doing);
    else if (bySteps && !training) parts.push(done === 1 ? '1 / 1' : 'starting');
    if (training && beat) parts.push(...this.#steps(step, measure.steps, beat.atMs));
    else if (newly > 0) {
      parts.push({
        spare: `${countText(Math.round((newly * size) / seconds))} ${stage === 'index' ? 'postings' : 'tokens'}/s`,
      });
      parts.push(`${duration(((1 - share) / newly) * seconds)} left`);
    }
    if (quarantined > 0) parts.push(`${countText(quarantined)} quarantined`);
    if (beat && nowMs - beat.atMs > 60_000)
      parts.push(`no sign of life for ${Math.round((nowMs - beat.atMs) / 1000)} s`);
    return { name: stage, share: stepsDone ?? share, parts };
  }

  /** `step 812 of 1,464`, and the time left by the steps between the beats that were seen. */
  #steps(step: number, steps: number | null, atMs: number): LivePart[] {
    const parts: LivePart[] = [stepText(step, steps)];
    this.#firstStep ??= { step, atMs };
    const { step: before, atMs: beforeMs } = this.#firstStep;
    if (step <= before || atMs <= beforeMs) return parts;
    const perSecond = (step - before) / ((atMs - beforeMs) / 1000);
    parts.push({ spare: `${perSecond.toFixed(1)} steps/s` });
    if (steps !== null) parts.push(`${duration((steps - step) / perSecond)} left`);
    return parts;
  }
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
