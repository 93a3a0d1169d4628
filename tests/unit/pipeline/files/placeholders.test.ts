// Every scheduled time has a name of its own, also where clocks are set back and show an hour twice.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { twiceNamed, calendarText } from '../../../../cli/orchestration/schedule-times.js';
import { fillPlaceholders, placeholderFiller } from '../../../../pipeline/files/placeholders.js';
import { packageRoot } from '../../../../runtime/package-root.js';

const HOUR = 3600_000;
const CASES = path.join(packageRoot(), 'tests', 'cases', 'data', 'q-dst');
const nameIn = async (file: string): Promise<string> =>
  (parse(await readFile(path.join(CASES, file), 'utf8')) as { name: string }).name;

function names(name: string, timeZone: string, times: readonly number[]): unknown[] {
  return times.map((scheduledMs) => fillPlaceholders(name, { scheduledMs, timeZone }));
}

describe('{{date}} and {{hour}}', () => {
  it('tell the second pass of the repeated hour from the first, each hour of that night', async () => {
    const first = Date.UTC(2026, 9, 24, 23);
    expect(
      names(
        await nameIn('interval.yaml'),
        'Europe/Berlin',
        [0, 1, 2, 3].map((n) => first + n * HOUR),
      ),
    ).toEqual(['iv-2026-10-25-01', 'iv-2026-10-25-02', 'iv-2026-10-25-02b', 'iv-2026-10-25-03']);
  });

  it('leave the skipped hour out', () => {
    const first = Date.UTC(2026, 2, 29, 0);
    expect(names('{{hour}}', 'Europe/Berlin', [first, first + HOUR])).toEqual(['01', '03']);
  });

  it('know a change by half an hour', () => {
    // Lord Howe: at 02:00 of 2026-04-05 clocks go back to 01:30.
    const at = Date.UTC(2026, 3, 4, 14);
    expect(
      names(
        '{{hour}}',
        'Australia/Lord_Howe',
        [0, 0.5, 1, 1.5].map((n) => at + n * HOUR),
      ),
    ).toEqual(['01', '01', '01b', '02']);
  });

  it('know a change over midnight, and places', () => {
    // Azores: at 01:00 of 2026-10-25 clocks go back to midnight.
    const at = Date.UTC(2026, 9, 25, 0);
    const value = { name: 'n-{{date}}-{{hour}}', sources: ['logs/{{hour}}.jsonl'], seed: 3 };
    expect(fillPlaceholders(value, { scheduledMs: at + HOUR, timeZone: 'Atlantic/Azores' })).toEqual({
      name: 'n-2026-10-25-00b',
      sources: ['logs/00b.jsonl'],
      seed: 3,
    });
  });

  it.each(['Europe/Berlin', 'America/New_York', 'Atlantic/Azores', 'Africa/Casablanca', 'UTC'])(
    'in %s no two hours of a year have one name',
    (timeZone) => {
      const fill = placeholderFiller(timeZone);
      const all = Array.from({ length: 366 * 24 }, (_, n) =>
        fill('{{date}}-{{hour}}', Date.UTC(2026, 0, 1) + n * HOUR),
      );
      expect(new Set(all).size).toBe(all.length);
    },
  );
});

describe('a schedule at even intervals', () => {
  const nowMs = Date.UTC(2026, 0, 10, 12);
  const noteOf = (name: string, everyMs: number, timeZone = 'Europe/Berlin'): string | null =>
    twiceNamed(name, { everyMs, timeZone }, nowMs);

  it('with date and hour names each start anew', async () => {
    expect(noteOf(await nameIn('interval.yaml'), HOUR)).toBeNull();
    expect(noteOf(await nameIn('daily.yaml'), 24 * HOUR)).toBeNull();
  });

  it.each([
    ['only the hour', 'h-{{hour}}', HOUR, 'Europe/Berlin', 'h-13'],
    ['less than an hour', 'x-{{date}}-{{hour}}', HOUR / 2, 'Europe/Berlin', 'x-2026-01-10-13'],
    ['a day by UTC, which clocks show twice', 'd-{{date}}', 24 * HOUR, 'Atlantic/Azores', 'd-2026-10-25'],
  ] as const)('says which starts have one name: %s', (...[, name, everyMs, zone, twice]) => {
    expect(noteOf(name, everyMs, zone)).toContain(
      `are both named ${twice}: the later one does only what is missing then`,
    );
  });
});

describe('what Temporal made of a cron expression', () => {
  const one = (
    start: number | string,
    end = start,
    step = 1,
  ): { start: typeof start; end: typeof end; step: number } => ({
    ...{ start, end, step },
  });
  const any = {
    ...{ minute: [one(0, 59)], hour: [one(0, 23)], dayOfMonth: [one(1, 31)] },
    ...{ month: [one('JANUARY', 'DECEMBER')], dayOfWeek: [one('SUNDAY', 'SATURDAY')] },
  };
  it.each([
    ['0 2 * * *', { ...any, minute: [one(0)], hour: [one(2)] }],
    [
      '*/15 8-17 * * 1-5',
      { ...any, minute: [one(0, 59, 15)], hour: [one(8, 17)], dayOfWeek: [one('MONDAY', 'FRIDAY')] },
    ],
    [
      '0 0 1 1,7 *',
      { ...any, minute: [one(0)], hour: [one(0)], dayOfMonth: [one(1)], month: [one('JANUARY'), one('JULY')] },
    ],
  ])('is told as %s', (text, calendar) => {
    expect(calendarText(calendar)).toBe(text.replace('*/15', '0-59/15'));
  });
});
