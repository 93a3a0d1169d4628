// What is said of an event of a run that is followed. Steps go side by side, so each has its own start, and where a stage has several
// steps each is called by its own name.
import { stepsOfRun } from '../../pipeline/plan/steps.js';
import type { RunEvent } from '../../schemas/records.js';
import { stateText } from '../render/progress-text.js';
import { counted } from '../render/quantities.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';

export class StepLines {
  /** Stages of several steps. */
  readonly #several: ReadonlySet<string>;
  readonly #startedMs = new Map<string, number>();

  constructor(run: ResolvedRun) {
    const stages = stepsOfRun(run).map(({ stage }) => stage);
    this.#several = new Set(stages.filter((stage, i) => stages.indexOf(stage) !== i));
  }

  /** The line of an event; null where nothing is said of it. */
  of({ type, data, atMs }: Pick<RunEvent, 'type' | 'data' | 'atMs'>): string | null {
    const stage = textOf(data['stage']) ?? '';
    // Runs of releases before 0.2 have a step for each stage.
    const step = textOf(data['step']) ?? stage;
    const name = (this.#several.has(stage) ? step : stage).padEnd(12);
    switch (type) {
      case 'stage-started':
        this.#startedMs.set(step, atMs);
        if (Number(data['items']) === 0) return `${name} nothing to do (${Number(data['planned'])} planned)`;
        return `${name} ${Number(data['items'])} of ${Number(data['planned'])} to do, ${counted(Number(data['lots']), 'lot')}`;
      case 'stage-finished': {
        const quarantined = Number(data['quarantined']);
        const bad = quarantined > 0 ? `, ${quarantined} quarantined` : '';
        return `${name} done: ${Number(data['committed'])} of ${Number(data['planned'])}${bad}${this.#took(step, atMs)}`;
      }
      case 'shard-differs':
        return `${name} shard ${String(data['shard'])} differs from its commit`;
      case 'step-waits':
        return `${step.padEnd(12)} waits for another run that does the same work`;
      case 'paused':
        return stateText('paused', textOf(data['reason']));
      case 'unpaused':
        return 'goes on';
      default:
        return null;
    }
  }

  /** Nothing for a step that began before it was followed. */
  #took(step: string, atMs: number): string {
    const startedMs = this.#startedMs.get(step);
    return startedMs === undefined ? '' : ` in ${((atMs - startedMs) / 1000).toFixed(1)} s`;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
