// How schedules look to a person: their list, one schedule with its last starts, what was done to one. Pure.
import type { z } from 'zod';
import type { scheduleDocument } from '../../schemas/documents/runs.js';
import { textTable, type TextTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { timeText } from './quantities.js';

type Schedule = z.input<typeof scheduleDocument>;

/** One line per schedule. */
export function schedulesText(schedules: readonly Schedule[]): Text {
  return schedules.length === 0 ? 'There are no schedules.' : [table(schedules)];
}

/** The schedule, and which runs it started last. */
export function scheduleText(schedule: Schedule): Text {
  const started = schedule.recent.map(({ scheduledMs, workflow }) => `started ${timeText(scheduledMs)}  ${workflow}`);
  return [table([schedule]), ...(started.length > 0 ? ['', ...started] : [])];
}

function table(schedules: readonly Schedule[]): TextTable {
  const columns = [
    { title: 'schedule', whole: true },
    { title: 'run', whole: true },
    { title: 'when' },
    { title: 'time zone' },
    { title: 'next start' },
  ];
  const rows = schedules.map((one) => [
    one.id,
    one.run,
    one.when.map(whenText).join('; '),
    one.timeZone,
    nextText(one),
  ]);
  return textTable(columns, rows);
}

function nextText({ paused, nextMs: [next] }: Schedule): string {
  if (paused) return 'paused';
  return next === undefined ? 'none' : timeText(next);
}

const UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
] as const;

/** `every 1 h`, as it is kept in seconds; any other text as it is. */
export function whenText(when: string): string {
  const seconds = Number(/^every (\d+) s$/.exec(when)?.[1] ?? 0);
  const unit = UNITS.find(([size]) => seconds > 0 && seconds % size === 0);
  return unit === undefined ? when : `every ${seconds / unit[0]} ${unit[1]}`;
}

const DONE = {
  pause: 'is paused',
  unpause: 'is unpaused',
  trigger: 'is triggered: one run starts now',
  delete: 'is deleted; its runs and their results stay',
} as const;

export type ToldAction = keyof typeof DONE;

/** What has become of a schedule. */
export function actionText(id: string, action: ToldAction): string {
  return `schedule ${id} ${DONE[action]}`;
}
