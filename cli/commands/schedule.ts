// `assay schedule …`: runs that start by the clock. Parses and calls; Temporal keeps the schedules.
import { InvalidArgumentError, Option } from 'commander';
import { InputError } from '../../schemas/errors.js';
import type { ResumeMode } from '../../schemas/messages.js';
import { defineCommand, type CommandDefinition } from '../command.js';
import {
  OVERLAP_POLICIES,
  RESUME_MODES,
  type OverlapPolicy,
  type ScheduleActions,
  type ScheduleCreateOptions,
} from '../orchestration/requests.js';

/** Loaded on demand: help does not need Temporal's client. */
async function actions(): Promise<ScheduleActions> {
  return (await import('../orchestration/schedules.js')).schedules;
}

interface CreateFlags {
  id?: string;
  cron?: string;
  every?: number;
  timeZone: string;
  overlap: OverlapPolicy;
  jitter: number;
  catchUp?: number;
  paused: boolean;
}

export const createSchedule = defineCommand({
  arguments: '<run.yaml>',
  description: 'start the run file by the clock; its name must hold {{date}} or {{hour}}',
  examples: [
    ['assay schedule create nightly.yaml --cron "0 2 * * *" --time-zone Europe/Berlin', 'each night at two'],
    ['assay schedule create hourly.yaml --every 1h --jitter 5m', 'each hour, up to five minutes later'],
  ],
  options: (command) => {
    command
      .option('--id <name>', 'name of the schedule (default: from the run file)')
      .addOption(new Option('--cron <expression>', 'five fields: minute hour day month weekday').conflicts('every'))
      .addOption(new Option('--every <duration>', 'a time between starts: 30m, 1h, 1d').argParser(duration))
      .option('--time-zone <zone>', 'IANA name in which times and {{date}} are meant', 'UTC')
      .addOption(
        new Option('--overlap <policy>', 'when the run before has not ended').choices(OVERLAP_POLICIES).default('skip'),
      )
      .option('--jitter <duration>', 'start up to so much later, drawn for each start', duration, 0)
      .option('--catch-up <duration>', 'how late a missed start is still made up for', duration)
      .option('--paused', 'do not start runs before `unpause`', false);
  },
  request: ([file], flags: CreateFlags) => createOptions(file, flags),
  run: async (request, context) => (await actions()).create(request, context),
});

function createOptions(file: string, flags: CreateFlags): ScheduleCreateOptions {
  const { id, cron, every, timeZone, overlap, jitter, catchUp, paused } = flags;
  const everyMs = every;
  if (cron === undefined && everyMs === undefined) {
    throw new InputError('Expected --cron or --every, found neither; say when runs are to start.');
  }
  checkTimeZone(timeZone);
  return {
    file,
    id,
    cron,
    everyMs,
    timeZone,
    overlap,
    jitterMs: jitter,
    catchUpMs: catchUp,
    paused,
  };
}

function checkTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new InputError(
      `Expected an IANA time zone such as Europe/Berlin or UTC, found "${timeZone}"; correct --time-zone.`,
      { timeZone },
    );
  }
}

export const listSchedules = defineCommand({
  arguments: '',
  description: 'all schedules of this store',
  examples: [['assay schedule list --json', 'one JSON document']],
  request: () => null,
  run: async (_, context) => (await actions()).list(context),
});

export const backfillSchedule = defineCommand({
  arguments: '<schedule>',
  description: 'start the runs of past times, one by one',
  examples: [['assay schedule backfill nightly --from 2026-11-01 --to 2026-11-08', 'a week; the end is not included']],
  options: (command) => {
    command
      .requiredOption('--from <time>', 'first time, ISO 8601 (UTC where it names no zone)', instant)
      .requiredOption('--to <time>', 'end, not included', instant)
      .addOption(
        new Option('--mode <mode>', 'what to do again of runs that exist').choices(RESUME_MODES).default('missing'),
      );
  },
  request: ([id], flags: { readonly from: number; readonly to: number; readonly mode: ResumeMode }) => {
    if (flags.from >= flags.to) {
      throw new InputError('Expected --from before --to, found the contrary; the end is not included.');
    }
    return { id, fromMs: flags.from, toMs: flags.to, mode: flags.mode };
  },
  run: async (request, context) => (await actions()).backfill(request, context),
});

export const showSchedule = onOne('show', 'what a schedule starts, when, and which runs it started last');
export const pauseSchedule = onOne('pause', 'start no more runs until `unpause`; runs that are active go on');
export const unpauseSchedule = onOne('unpause', 'start runs again');
export const triggerSchedule = onOne('trigger', 'start one run now');
export const deleteSchedule = onOne('delete', 'forget a schedule; its runs and their results stay', ['rm', 'remove']);

/** A command that needs nothing but a schedule's name. */
function onOne(
  name: 'show' | 'pause' | 'unpause' | 'trigger' | 'delete',
  description: string,
  aliases: readonly string[] = [],
): CommandDefinition {
  return defineCommand({
    aliases,
    arguments: '<schedule>',
    description,
    examples: [[`assay schedule ${name} nightly`, description]],
    request: ([id]) => id,
    run: async (id, context) => (await actions())[name](id, context),
  });
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function duration(text: string): number {
  const match = /^(\d+)([smhd])$/.exec(text);
  const unit = UNIT_MS[match?.[2] ?? ''];
  if (match === null || unit === undefined) {
    throw new InvalidArgumentError('Expected a duration such as 90s, 30m, 1h or 1d.');
  }
  return Number(match[1]) * unit;
}

function instant(text: string): number {
  const zoned = /^\d{4}-\d{2}-\d{2}T.*\d$/.test(text) && !/[+-]\d{2}:?\d{2}$/.test(text) ? `${text}Z` : text;
  const value = Date.parse(zoned);
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a time such as 2026-11-01 or 2026-11-01T02:00Z.');
}
