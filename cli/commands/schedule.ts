// `assay schedule …`: runs that start by the clock. Parses and calls; Temporal keeps the schedules.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { InputError } from '../../schemas/errors.js';
import type { ResumeMode } from '../../schemas/messages.js';
import { addCommand, type CommandContext, type Start } from '../command.js';

export const OVERLAP_POLICIES = ['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'allow-all'] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

export interface ScheduleCreateOptions {
  /** Path of the run file whose name holds {{date}} or {{hour}}. */
  readonly file: string;
  /** Name of the schedule; undefined: made from the run's name. */
  readonly id: string | undefined;
  readonly cron: string | undefined;
  readonly everyMs: number | undefined;
  readonly timeZone: string;
  readonly overlap: OverlapPolicy;
  readonly jitterMs: number;
  /** How late a missed start may still be made up for. */
  readonly catchUpMs: number | undefined;
  readonly paused: boolean;
}

export interface ScheduleBackfillOptions {
  readonly id: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly mode: ResumeMode;
}

export interface ScheduleActions {
  create(options: ScheduleCreateOptions, context: CommandContext): Promise<number>;
  list(context: CommandContext): Promise<number>;
  show(id: string, context: CommandContext): Promise<number>;
  pause(id: string, context: CommandContext): Promise<number>;
  unpause(id: string, context: CommandContext): Promise<number>;
  trigger(id: string, context: CommandContext): Promise<number>;
  backfill(options: ScheduleBackfillOptions, context: CommandContext): Promise<number>;
  delete(id: string, context: CommandContext): Promise<number>;
}

export function addSchedule(program: Command, start: Start, actions: ScheduleActions): void {
  const schedule = addCommand(program, 'schedule', {
    description: 'runs that start by the clock',
    examples: [
      ['assay schedule create nightly.yaml --cron "0 2 * * *"', 'the name in nightly.yaml holds {{date}}'],
      ['assay schedule list', 'all schedules of this store'],
    ],
  });
  addCreate(schedule, start, actions);
  addList(schedule, start, actions);
  addBackfill(schedule, start, actions);
  for (const { name, description } of ON_ONE) {
    addCommand(schedule, `${name} <schedule>`, {
      description,
      examples: [[`assay schedule ${name} nightly`, description]],
    }).action((id: string) => start((context) => actions[name](id, context)));
  }
}

const ON_ONE = [
  { name: 'show', description: 'what a schedule starts, when, and how its last runs ended' },
  { name: 'pause', description: 'start no more runs until `unpause`; runs that are active go on' },
  { name: 'unpause', description: 'start runs again' },
  { name: 'trigger', description: 'start one run now' },
  { name: 'delete', description: 'forget a schedule; its runs and their results stay' },
] as const;

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

function addCreate(schedule: Command, start: Start, actions: ScheduleActions): void {
  addCommand(schedule, 'create <run.yaml>', {
    description: 'start the run file by the clock; its name must hold {{date}} or {{hour}}',
    examples: [
      ['assay schedule create nightly.yaml --cron "0 2 * * *" --time-zone Europe/Berlin', 'each night at two'],
      ['assay schedule create hourly.yaml --every 1h --jitter 5m', 'each hour, up to five minutes later'],
    ],
  })
    .option('--id <name>', 'name of the schedule (default: from the run file)')
    .addOption(new Option('--cron <expression>', 'five fields: minute hour day month weekday').conflicts('every'))
    .addOption(new Option('--every <duration>', 'a time between starts: 30m, 1h, 1d').argParser(duration))
    .option('--time-zone <zone>', 'IANA name in which times and {{date}} are meant', 'UTC')
    .addOption(
      new Option('--overlap <policy>', 'when the run before has not ended').choices(OVERLAP_POLICIES).default('skip'),
    )
    .option('--jitter <duration>', 'start up to so much later, drawn for each start', duration, 0)
    .option('--catch-up <duration>', 'how late a missed start is still made up for', duration)
    .option('--paused', 'do not start runs before `unpause`', false)
    .action((file: string, flags: CreateFlags) =>
      start((context) => actions.create(createOptions(file, flags), context)),
    );
}

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

function addList(schedule: Command, start: Start, actions: ScheduleActions): void {
  addCommand(schedule, 'list', {
    description: 'all schedules of this store',
    examples: [['assay schedule list --json', 'one JSON document']],
  }).action(() => start((context) => actions.list(context)));
}

function addBackfill(schedule: Command, start: Start, actions: ScheduleActions): void {
  addCommand(schedule, 'backfill <schedule>', {
    description: 'start the runs of past times, one by one',
    examples: [
      ['assay schedule backfill nightly --from 2026-11-01 --to 2026-11-08', 'a week; the end is not included'],
    ],
  })
    .requiredOption('--from <time>', 'first time, ISO 8601 (UTC where it names no zone)', instant)
    .requiredOption('--to <time>', 'end, not included', instant)
    .addOption(
      new Option('--mode <mode>', 'what to do again of runs that exist')
        .choices(['missing', 'errored', 'all'])
        .default('missing'),
    )
    .action((id: string, flags: { from: number; to: number; mode: ResumeMode }) =>
      start((context) => {
        if (flags.from >= flags.to) {
          throw new InputError('Expected --from before --to, found the contrary; the end is not included.');
        }
        return actions.backfill({ id, fromMs: flags.from, toMs: flags.to, mode: flags.mode }, context);
      }),
    );
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
