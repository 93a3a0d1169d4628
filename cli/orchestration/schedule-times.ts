// The times of a schedule in words: what Temporal made of a cron expression, and whether two starts get one name. Asks nobody.
import { placeholderFiller } from '../../pipeline/files/placeholders.js';
import { timeText } from '../render/quantities.js';
import type { ScheduleCreateOptions } from './requests.js';

/** A list of ranges as Temporal gives it. */
interface Range {
  readonly start: number | string;
  readonly end: number | string;
  readonly step: number;
}

/** The fields that a cron expression of five has. */
export interface CalendarFields {
  readonly minute: readonly Range[];
  readonly hour: readonly Range[];
  readonly dayOfMonth: readonly Range[];
  readonly month: readonly Range[];
  readonly dayOfWeek: readonly Range[];
  readonly comment?: string | undefined;
}

const FULL = { minute: 60, hour: 24, dayOfMonth: 31, month: 12, dayOfWeek: 7 } as const;
const NAMES: readonly string[] = [
  ...[
    'JANUARY',
    'FEBRUARY',
    'MARCH',
    'APRIL',
    'MAY',
    'JUNE',
    'JULY',
    'AUGUST',
    'SEPTEMBER',
    'OCTOBER',
    'NOVEMBER',
    'DECEMBER',
  ],
];
const DAYS: readonly string[] = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'];

/** `0 2 * * 1-5`, and the comment where somebody gave it one. */
export function calendarText(calendar: CalendarFields): string {
  const fields = (Object.keys(FULL) as (keyof typeof FULL)[]).map((name) => fieldText(calendar[name], FULL[name]));
  const { comment } = calendar;
  return comment === undefined || comment === '' ? fields.join(' ') : `${fields.join(' ')} (${comment})`;
}

function fieldText(ranges: readonly Range[], full: number): string {
  const values = new Set(ranges.flatMap(valuesOf));
  if (values.size >= full) return '*';
  return ranges
    .map((range) => {
      const [start, end] = [numberOf(range.start), numberOf(range.end)];
      const step = range.step > 1 ? `/${range.step}` : '';
      return end <= start ? String(start) : `${start}-${end}${step}`;
    })
    .join(',');
}

function valuesOf({ start, end, step }: Range): number[] {
  const [first, last] = [numberOf(start), numberOf(end)];
  const every = Math.max(1, step);
  return Array.from({ length: Math.floor(Math.max(0, last - first) / every) + 1 }, (_, i) => first + i * every);
}

function numberOf(value: number | string): number {
  if (typeof value === 'number') return value;
  return DAYS.includes(value) ? DAYS.indexOf(value) : NAMES.indexOf(value) + 1;
}

const DAY_MS = 24 * 3600_000;
/** A year and a month: every change of clocks lies within. */
const AHEAD_DAYS = 396;

/** What to say where two starts at even intervals get one name; null where each has its own. */
export function twiceNamed(
  name: string,
  { everyMs, timeZone }: Pick<ScheduleCreateOptions, 'everyMs' | 'timeZone'>,
  nowMs: number,
): string | null {
  if (everyMs === undefined || everyMs <= 0) return null;
  const fill = placeholderFiller(timeZone);
  const seen = new Map<string, number>();
  for (const [fromMs, toMs] of spans(everyMs, timeZone, nowMs)) {
    for (let at = Math.ceil(fromMs / everyMs) * everyMs; at < toMs; at += everyMs) {
      const filled = fill(name, at) as string;
      const before = seen.get(filled);
      if (before !== undefined && before !== at)
        return (
          `the starts at ${timeText(before)} and ${timeText(at)} are both named ${filled}: ` +
          'the later one does only what is missing then. Names tell starts apart by {{date}} and {{hour}} alone.'
        );
      seen.set(filled, at);
    }
  }
  return null;
}

/** Where to look: all of a year for starts of hours apart, else the days to come and those around each change of clocks. */
function spans(everyMs: number, timeZone: string, nowMs: number): (readonly [fromMs: number, toMs: number])[] {
  if (everyMs >= DAY_MS / 4) return [[nowMs, nowMs + AHEAD_DAYS * DAY_MS]];
  const hour = new Intl.DateTimeFormat('en', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const days = Array.from({ length: AHEAD_DAYS }, (_, day) => nowMs + day * DAY_MS);
  const changes = days.filter((day) => hour.format(day) !== hour.format(day + DAY_MS));
  return [nowMs, ...changes].map((day) => [day, day + 2 * DAY_MS] as const);
}
