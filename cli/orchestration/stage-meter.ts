// The live line of a stage: done / planned, speed, time left, quarantined. Pure but for the clock.
import type { StageName } from '../../schemas/constants.js';
import type { StoredBeat } from '../reading/runs.js';
import type { StageMeasure } from './follow.js';

export class StageMeter {
  #stage: StageName | null = null;
  /** When the stage started, milliseconds since the epoch. */
  startedMs = Date.now();
  #first: number | null = null;

  start(stage: StageName, atMs: number): void {
    this.#stage = stage;
    this.startedMs = atMs;
    this.#first = null;
  }

  line(measure: StageMeasure, beat: StoredBeat | null, nowMs = Date.now()): string {
    const { stage, done, planned, size, quarantined } = measure;
    if (this.#stage !== stage) this.start(stage, nowMs);
    this.#first ??= done;
    const share = planned === 0 ? 0 : done / planned;
    const seconds = Math.max(0.001, (nowMs - this.startedMs) / 1000);
    const newly = planned === 0 ? 0 : (done - this.#first) / planned;
    const parts = [`${stage.padEnd(12)} ${bar(share)} ${done} / ${planned}`];
    const step = beat?.stage === stage ? beat.progress?.['step'] : undefined;
    if (stage === 'train' && typeof step === 'number') parts.push(`step ${step}`);
    if (newly > 0) {
      parts.push(
        `${thousands((newly * size) / seconds)} ${stage === 'index' ? 'postings' : 'tokens'}/s`,
      );
      parts.push(`${duration(((1 - share) / newly) * seconds)} left`);
    }
    if (quarantined > 0) parts.push(`${quarantined} quarantined`);
    if (beat && nowMs - beat.atMs > 60_000)
      parts.push(`no sign of life for ${Math.round((nowMs - beat.atMs) / 1000)} s`);
    return parts.join('  ');
  }
}

const WIDTH = 20;

function bar(share: number): string {
  const full = Math.round(share * WIDTH);
  return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}`;
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
