// Progress of a training for people, on stderr: a line per stage, and per model its step, loss, speed and time left.
import type { StepUnits, PlannedUnit } from '../../stages/step.js';
import type { StageContext, WorkItem } from '../../stages/stage.js';
import type { Output } from '../output.js';
import { counted, countText } from '../render/quantities.js';
import { liveLineText, type LiveLine, type LivePart } from '../terminal/live-line.js';

type Progress = Parameters<StageContext['progress']>[0];

/** Without a terminal, time between two lines about one model. */
const LINE_MS = 10_000;
/** Time over which speed is measured. */
const SPEED_MS = 30_000;

interface Course {
  readonly name: string;
  readonly steps: number;
  readonly stepTokens: number;
  /** Where it began in this process, and later points of time and step to measure speed between. */
  points: { readonly atMs: number; readonly step: number }[];
  progress: Progress;
  toldMs: number;
}

export class Reporter {
  readonly #output: Output;
  readonly #now: () => number;
  #stage = '';
  #courses = new Map<WorkItem, Course>();
  #ended = 0;
  #total = 0;

  constructor(output: Output, now: () => number = Date.now) {
    this.#output = output;
    this.#now = now;
  }

  /** A stage begins with what is left of it to do. */
  begin(units: StepUnits, todo: readonly PlannedUnit[]): void {
    const planned = units.groups.reduce((n, group) => n + group.units.length, 0);
    this.#stage = units.stage;
    this.#courses = new Map();
    this.#ended = 0;
    this.#total = todo.length;
    const what = counted(planned, units.stage === 'language-model' ? 'model' : 'item');
    const part = todo.length === planned ? what : `${countText(todo.length)} of ${what}`;
    const left = todo.length === 0 ? 'all there' : `${part} to do`;
    this.#output.note(`${units.stage.padEnd(12)} ${left}`);
    if (units.stage !== 'language-model') return;
    for (const { item, config } of todo) this.#courses.set(item, courseOf(item, config));
  }

  progress(item: WorkItem, progress: Progress): void {
    const course = this.#courses.get(item);
    if (!course || progress.step === undefined) return;
    const atMs = this.#now();
    course.progress = progress;
    course.points.push({ atMs, step: progress.step });
    while (course.points.length > 2 && atMs - (course.points[1]?.atMs ?? 0) > SPEED_MS) course.points.shift();
    if (course.toldMs < 0) course.toldMs = atMs;
    this.#output.progress(lineOf(course));
    if (atMs - course.toldMs < LINE_MS) return;
    course.toldMs = atMs;
    this.#output.note(liveLineText(lineOf(course)));
  }

  /** @param failure why it failed; null: it is done */
  ended(item: WorkItem, failure: string | null): void {
    this.#ended++;
    const course = this.#courses.get(item);
    const count = `${this.#ended} of ${this.#total}`;
    if (course && failure !== null) this.#output.note(`${course.name.padEnd(12)} failed (${count}): ${failure}`);
    else if (course) this.#output.note(`${liveLineText(lineOf(course))}  done (${count})`);
    else this.#output.progress(`${this.#stage.padEnd(12)} ${count}`);
  }
}

function courseOf(item: WorkItem, config: unknown): Course {
  const { keyed, aux } = config as {
    keyed: { training: { steps: number } };
    aux: { name: string };
  };
  const { steps } = keyed.training;
  const stepTokens = item.size / Math.max(1, steps);
  return { name: aux.name, steps, stepTokens, points: [], progress: {}, toldMs: -1 };
}

/** `tiny           step 120/1800  loss 5.1234  12,345 tokens/s  2 min left` */
function lineOf({ name, steps, stepTokens, points, progress }: Course): LiveLine {
  const step = progress.step ?? 0;
  const parts: LivePart[] = [`step ${step}/${steps}`];
  if (progress.loss !== undefined && Number.isFinite(progress.loss)) parts.push(`loss ${progress.loss.toFixed(4)}`);
  const [first, last] = [points[0], points.at(-1)];
  const seconds = first && last ? (last.atMs - first.atMs) / 1000 : 0;
  if (first && last && seconds > 0 && last.step > first.step) {
    const perSecond = (last.step - first.step) / seconds;
    parts.push({ spare: `${countText(Math.round(perSecond * stepTokens))} tokens/s` });
    if (step < steps) parts.push(`${duration((steps - step) / perSecond)} left`);
  }
  return { name, share: null, parts };
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
