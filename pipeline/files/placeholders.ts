// The placeholders of scheduled runs, {{date}} and {{hour}}: a schedule's run file needs one in its name, a plain run's has none.
import { nearestNames } from '../../core/text/nearest-names.js';
import type { FieldPath, Finding } from './problem.js';
import { shown } from './problem.js';
import { isSweptName } from './swept-names.js';

/** What the file is read for: to be run as it stands, or as the template of a schedule. */
export type Purpose = 'run' | 'schedule';

export const PLACEHOLDERS = ['date', 'hour'] as const;
const ANY = /\{\{([^{}]*)\}\}/g;
const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** What is wrong with the run's name and with the placeholders anywhere in the file. */
export function placeholderFindings(value: unknown, purpose: Purpose): Finding[] {
  return [
    ...texts(value).flatMap(({ path, text }) =>
      textFindings(path, text, { purpose, swept: (name) => isSweptName(value, path, name) }),
    ),
    ...nameFindings(value, purpose),
  ];
}

interface TextRules {
  readonly purpose: Purpose;
  /** Whether a placeholder is that of a sweep of dictionaries. */
  readonly swept: (name: string) => boolean;
}

function textFindings(path: FieldPath, text: string, { purpose, swept }: TextRules): Finding[] {
  return [...text.matchAll(ANY)].flatMap((match) => {
    const name = (match[1] ?? '').trim();
    if (swept(name)) return [];
    const known = (PLACEHOLDERS as readonly string[]).includes(name);
    if (known && purpose === 'schedule') return [];
    if (known) {
      const remedy = 'start it with `assay schedule create`, or write the value out';
      return [{ path, expected: 'no placeholder in a file that is run at once', found: match[0], remedy }];
    }
    const near = nearestNames(name, PLACEHOLDERS, 1)[0];
    return [
      {
        path,
        expected: '{{date}} or {{hour}}',
        found: match[0],
        remedy: near === undefined ? 'write the value out' : `did you mean \`{{${near}}}\`?`,
      },
    ];
  });
}

function nameFindings(value: unknown, purpose: Purpose): Finding[] {
  const name = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['name'] : undefined;
  if (typeof name !== 'string' || name === '') return [];
  const path = ['name'];
  if (purpose === 'schedule' && !name.includes('{{')) {
    return [
      {
        path,
        expected: 'a name with {{date}} or {{hour}}',
        found: shown(name),
        remedy: 'every scheduled run needs a name of its own',
      },
    ];
  }
  if (RUN_NAME.test(name.replace(ANY, '0'))) return [];
  const expected = 'letters, digits, ".", "_" and "-" (at most 100), a letter or digit first';
  return [{ path, expected, found: shown(name), remedy: 'the name is part of dataset names and paths' }];
}

/** All texts in plain data with their paths; each shared (aliased) value once, so that cycles end. */
function texts(value: unknown, path: FieldPath = [], seen = new Set<object>()): { path: FieldPath; text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  if (Array.isArray(value)) return value.flatMap((item, index) => texts(item, [...path, index], seen));
  return Object.entries(value).flatMap(([key, item]) => texts(item, [...path, key], seen));
}

/**
 * Plain data with {{date}} (YYYY-MM-DD) and {{hour}} (00 to 23) of a scheduled time, as clocks of the time zone show it. Where clocks go
 * back, what they show a second time has a letter: `02b` comes after `02`, so that two starts never have one name.
 */
export function fillPlaceholders(
  value: unknown,
  at: { readonly scheduledMs: number; readonly timeZone: string },
): unknown {
  return placeholderFiller(at.timeZone)(value, at.scheduledMs);
}

/** `fillPlaceholders` for many times of one zone. */
export function placeholderFiller(timeZone: string): (value: unknown, scheduledMs: number) => unknown {
  const format = new Intl.DateTimeFormat('en-CA', {
    ...{ timeZone, year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
  });
  const clock = (ms: number): Clock => clockOf(format, ms);
  return (value, scheduledMs) => {
    const { date, hour } = clock(scheduledMs);
    return fillWith(value, { date, hour: isRepeated(clock, scheduledMs) ? `${hour}b` : hour });
  };
}

interface Clock {
  readonly date: string;
  readonly hour: string;
  /** How far the zone is ahead of UTC. */
  readonly offsetMs: number;
}

function clockOf(format: Intl.DateTimeFormat, ms: number): Clock {
  const parts = new Map(format.formatToParts(ms).map((part) => [part.type, part.value]));
  const get = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  const date = `${get('year')}-${get('month')}-${get('day')}`;
  const local = Date.parse(`${date}T${get('hour')}:${get('minute')}:${get('second')}Z`);
  return { date, hour: get('hour'), offsetMs: local - Math.floor(ms / 1000) * 1000 };
}

/** No zone sets its clocks back by more. */
const LONGEST_CHANGE_MS = 3 * 3600_000;

/** Whether clocks showed the same time before, because they were set back since. */
function isRepeated(clock: (ms: number) => Clock, ms: number): boolean {
  const back = clock(ms - LONGEST_CHANGE_MS).offsetMs - clock(ms).offsetMs;
  return back > 0 && clock(ms - back).offsetMs === clock(ms).offsetMs + back;
}

function fillWith(value: unknown, values: Readonly<Record<string, string>>): unknown {
  const fill = (item: unknown): unknown => {
    if (typeof item === 'string') return item.replace(ANY, (whole, name: string) => values[name.trim()] ?? whole);
    if (Array.isArray(item)) return item.map(fill);
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(value);
}
