// The placeholders of scheduled runs, {{date}} and {{hour}}: a schedule's run file needs one in its name, a plain run's has none.
import { nearestNames } from '../../core/text/nearest-names.js';
import type { FieldPath, Finding } from './problem.js';
import { shown } from './problem.js';

/** What the file is read for: to be run as it stands, or as the template of a schedule. */
export type Purpose = 'run' | 'schedule';

export const PLACEHOLDERS = ['date', 'hour'] as const;
const ANY = /\{\{([^{}]*)\}\}/g;
const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** What is wrong with the run's name and with the placeholders anywhere in the file. */
export function placeholderFindings(value: unknown, purpose: Purpose): Finding[] {
  return [
    ...texts(value).flatMap(({ path, text }) => textFindings(path, text, purpose)),
    ...nameFindings(value, purpose),
  ];
}

function textFindings(path: FieldPath, text: string, purpose: Purpose): Finding[] {
  return [...text.matchAll(ANY)].flatMap((match) => {
    const name = (match[1] ?? '').trim();
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

/** Plain data with {{date}} (YYYY-MM-DD) and {{hour}} (00 to 23) of a scheduled time, as clocks of the time zone show it. */
export function fillPlaceholders(
  value: unknown,
  at: { readonly scheduledMs: number; readonly timeZone: string },
): unknown {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: at.timeZone,
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', hourCycle: 'h23' },
  });
  const parts = new Map(format.formatToParts(at.scheduledMs).map((part) => [part.type, part.value]));
  const get = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  const values: Record<string, string> = {
    date: `${get('year')}-${get('month')}-${get('day')}`,
    hour: get('hour'),
  };
  const fill = (item: unknown): unknown => {
    if (typeof item === 'string') return item.replace(ANY, (whole, name: string) => values[name.trim()] ?? whole);
    if (Array.isArray(item)) return item.map(fill);
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(value);
}
