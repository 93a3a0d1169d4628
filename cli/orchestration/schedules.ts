// schedule …: Temporal keeps the schedules; each starts `scheduledRun` with a stored template of the run file.
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleHandle,
  type ScheduleOptions,
} from '@temporalio/client';
import type { z } from 'zod';
import { scheduleActionDocument, scheduleDocument, schedulesDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { QUEUES, WORKFLOWS } from '../../schemas/orchestration.js';
import { InputError } from '../../schemas/errors.js';
import type { ScheduledInput } from '../../schemas/messages.js';
import { putJson } from '../../storage/records/data-json.js';
import { outsideOf } from '../../pipeline/allowed/outside.js';
import { loadRunFile } from '../../pipeline/files/load.js';
import { openStore } from '../../storage/objects/open-store.js';
import { claimStoreId } from '../../storage/records/identity.js';
import { keepSchedule, releaseSchedule, rootOf } from '../../storage/records/schedule-roots.js';
import type { CommandContext } from '../command.js';
import { openChosenStore } from '../store-choice.js';
import { allowHere } from './allow.js';
import type { OverlapPolicy, ScheduleActions, ScheduleBackfillOptions, ScheduleCreateOptions } from './requests.js';
import { counted } from '../render/quantities.js';
import { calendarText, twiceNamed } from './schedule-times.js';
import { noteUnserved } from './run-workers.js';
import { refusalOf, temporalAddress, withTemporal } from './temporal-client.js';

const OVERLAP: Readonly<Record<OverlapPolicy, ScheduleOverlapPolicy>> = {
  skip: ScheduleOverlapPolicy.SKIP,
  'buffer-one': ScheduleOverlapPolicy.BUFFER_ONE,
  'buffer-all': ScheduleOverlapPolicy.BUFFER_ALL,
  'cancel-other': ScheduleOverlapPolicy.CANCEL_OTHER,
  'allow-all': ScheduleOverlapPolicy.ALLOW_ALL,
};

const PREFIX = 'assay/';
const DEFAULT_CATCH_UP_MS = 24 * 3600_000;

type Action = z.input<typeof scheduleActionDocument>['action'];

export const schedules: ScheduleActions = {
  create: createSchedule,
  list: listSchedules,
  show: (id, context) =>
    withSchedule(id, context, async (handle) => {
      const document = await describe(handle);
      context.output.result(scheduleDocument, document, () => text(document));
      return EXIT.done;
    }),
  pause: (id, context) =>
    act({ id, action: 'pause' }, context, (handle) => handle.pause('paused with assay schedule pause')),
  unpause: (id, context) => act({ id, action: 'unpause' }, context, (handle) => handle.unpause()),
  trigger: (id, context) =>
    act({ id, action: 'trigger' }, context, async (handle) => {
      await handle.trigger();
      await noteWaiting(handle, context);
    }),
  delete: (id, context) => act({ id, action: 'delete' }, context, deleteSchedule),
  backfill: backfillSchedule,
};

async function createSchedule(options: ScheduleCreateOptions, context: CommandContext): Promise<number> {
  if ((options.cron === undefined) === (options.everyMs === undefined))
    throw new InputError('Expected one of --cron and --every; see `assay help schedule create`.');
  checkTimeZone(options.timeZone);
  const { runFile, folder } = await loadRunFile(path.resolve(context.io.cwd, options.file), { purpose: 'schedule' });
  const choice = await context.chooseFileStore({ file: runFile, folder });
  const { url, options: storeOptions } = choice;
  const store = await openChosenStore(choice, context.output);
  try {
    const id = options.id ?? runFile.name.replace(/[-_.]?\{\{\w+\}\}/g, '');
    const template = await putJson(store, { file: runFile, folder });
    await allowHere(context, { url, options: storeOptions }, outsideOf(runFile, folder));
    const root = randomUUID();
    await keepSchedule(store, root, { schedule: id, template });
    const input: ScheduledInput = {
      storeId: await claimStoreId(store),
      ref: { store: { url, options: storeOptions } },
      schedule: id,
      timeZone: options.timeZone,
      mode: 'missing',
      hostQueue: QUEUES.host(os.hostname()),
      ...{ template, root },
    };
    const next = await withTemporal(context, async (client, at) => {
      const asked = whenText(options);
      const first = await createOnce(client, id, { options: scheduleOptions(options, input, runFile.name), asked });
      // The schedule is there: what is only told may fail, the template must stay.
      const queues = [QUEUES.orchestrate, input.hostQueue];
      await noteUnserved(`schedule ${id}`, { client, at, context }, queues).catch(() => undefined);
      return first;
    }).catch(async (error: unknown) => {
      await releaseSchedule(store, root, id);
      throw error;
    });
    const twice = twiceNamed(runFile.name, options, Date.now());
    if (twice !== null) context.output.note(twice);
    return say(
      context,
      { id, action: 'create' },
      `schedule ${id} starts runs named ${runFile.name}, ${next}. Look at it with: assay schedule show ${id}`,
    );
  } finally {
    await store.close();
  }
}

/** First the schedule, then what keeps its template: a template without a schedule is garbage, the other way round is a loss. */
async function deleteSchedule(handle: ScheduleHandle): Promise<void> {
  const { action } = await handle.describe();
  const [input] = (action.args ?? []) as ScheduledInput[];
  await handle.delete();
  if (!input) return;
  const { url, options } = input.ref.store;
  const store = await openStore(url, { storeOptions: options });
  try {
    await releaseSchedule(store, rootOf(input), input.schedule);
  } finally {
    await store.close();
  }
}

interface ScheduleToCreate {
  readonly options: ScheduleOptions;
  /** When it starts, as the user said it. */
  readonly asked: string;
}

/** Creates it; returns when it first starts. @throws InputError where there is one of that name, or Temporal takes no such times */
async function createOnce(client: Client, id: string, { options, asked }: ScheduleToCreate): Promise<string> {
  try {
    const handle = await client.schedule.create(options);
    const described = await handle.describe().catch(() => null);
    if (described === null) return 'at the times given';
    const [first] = described.info.nextActionTimes;
    return first === undefined ? `but ${asked} names no time to come` : `first at ${first.toISOString()}`;
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning)
      throw new InputError(
        `There is a schedule "${id}" already. Give this one another name with --id, or delete that one: assay schedule delete ${id}`,
        { id },
        { cause: error },
      );
    // The client throws what the server said of the times as a TypeError.
    const refusal = error instanceof TypeError ? error.message : refusalOf(error);
    if (refusal === null) throw error;
    throw new InputError(
      `Expected times that Temporal takes, found ${asked}: ${refusal}. --cron has five fields, minute hour day month weekday, as in "0 2 * * *".`,
      { id, when: asked },
      { cause: error },
    );
  }
}

function whenText({ cron, everyMs }: ScheduleCreateOptions): string {
  return cron === undefined ? `every ${(everyMs ?? 0) / 1000} s` : cron;
}

function scheduleOptions(options: ScheduleCreateOptions, input: ScheduledInput, run: string): ScheduleOptions {
  const id = input.schedule;
  return {
    scheduleId: `${PREFIX}${id}`,
    spec: {
      ...(options.cron === undefined ? {} : { cronExpressions: [options.cron] }),
      ...(options.everyMs === undefined ? {} : { intervals: [{ every: options.everyMs }] }),
      timezone: options.timeZone,
      jitter: options.jitterMs,
    },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOWS.scheduledRun,
      workflowId: `scheduled/${input.storeId}/${id}`,
      taskQueue: QUEUES.orchestrate,
      args: [input],
    },
    policies: {
      overlap: OVERLAP[options.overlap],
      catchupWindow: options.catchUpMs ?? DEFAULT_CATCH_UP_MS,
      pauseOnFailure: false,
    },
    state: { paused: options.paused },
    // Temporal gives back what it made of a cron expression, not the expression.
    memo: { run, timeZone: options.timeZone, when: whenText(options) },
  };
}

function checkTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new InputError(`Expected an IANA time zone such as Europe/Berlin or UTC, found "${timeZone}".`, { timeZone });
  }
}

/** Starts the scheduled times of a range now. Runs that are complete already are recognised and do nothing (mode `missing`). */
async function backfillSchedule(options: ScheduleBackfillOptions, context: CommandContext): Promise<number> {
  const { id, fromMs, toMs, mode } = options;
  return withSchedule(id, context, async (handle) => {
    await setMode(handle, mode);
    // Temporal takes the start of a range as excluded and its end as included.
    const [start, end] = [fromMs - 1, toMs - 1];
    const response = await handle.client.workflowService.listScheduleMatchingTimes({
      namespace: handle.client.options.namespace,
      scheduleId: handle.scheduleId,
      startTime: stamp(start),
      endTime: stamp(end),
    });
    const times = response.startTime.map(
      (time) => Number(time.seconds ?? 0) * 1000 + Math.floor((time.nanos ?? 0) / 1e6),
    );
    await handle.backfill({
      start: new Date(start),
      end: new Date(end),
      overlap: ScheduleOverlapPolicy.BUFFER_ALL,
    });
    await noteWaiting(handle, context);
    return say(
      context,
      { id, action: 'backfill', times },
      `schedule ${id} starts ${counted(times.length, 'run')}, one after the other: ${times.map((ms) => new Date(ms).toISOString()).join(', ')}`,
    );
  });
}

/** Names the queues that nobody serves: that of workflows, and that of the host that has the files. */
async function noteWaiting(handle: ScheduleHandle, context: CommandContext): Promise<void> {
  const { action } = await handle.describe();
  const [input] = (action.args ?? []) as ScheduledInput[];
  const queues = [QUEUES.orchestrate, ...(input === undefined ? [] : [input.hostQueue])];
  const at = await temporalAddress(context);
  await noteUnserved(
    `schedule ${handle.scheduleId.slice(PREFIX.length)}`,
    { client: handle.client, at, context },
    queues,
  );
}

/** Starts of the schedule take this mode from now on, until another backfill names another one. */
async function setMode(handle: ScheduleHandle, mode: ScheduledInput['mode']): Promise<void> {
  await handle.update((previous) => {
    const args = (previous.action.args ?? []) as ScheduledInput[];
    return {
      ...previous,
      action: { ...previous.action, args: args.map((arg) => ({ ...arg, mode })) },
    };
  });
}

function stamp(ms: number): { seconds: never; nanos: number } {
  return { seconds: Math.floor(ms / 1000) as never, nanos: (ms % 1000) * 1e6 };
}

async function listSchedules(context: CommandContext): Promise<number> {
  return withTemporal(context, async (client) => {
    const documents: z.input<typeof scheduleDocument>[] = [];
    for await (const { scheduleId } of client.schedule.list()) {
      if (scheduleId.startsWith(PREFIX)) documents.push(await describe(client.schedule.getHandle(scheduleId)));
    }
    context.output.result(schedulesDocument, documents, () =>
      documents.length === 0 ? 'There are no schedules.' : documents.map(text).join('\n'),
    );
    return EXIT.done;
  });
}

async function describe(handle: ScheduleHandle): Promise<z.input<typeof scheduleDocument>> {
  const { spec, state, info, memo } = await handle.describe();
  const intervals = (spec.intervals ?? []).map(({ every }) => `every ${every / 1000} s`);
  const asked = textOf(memo?.['when']);
  const calendars = (spec.calendars ?? []).map(calendarText);
  return {
    id: handle.scheduleId.slice(PREFIX.length),
    run: textOf(memo?.['run']) ?? '',
    when: asked === undefined ? [...intervals, ...calendars] : [asked],
    timeZone: textOf(memo?.['timeZone']) ?? spec.timezone ?? 'UTC',
    paused: state.paused,
    nextMs: info.nextActionTimes.map((time) => time.getTime()),
    recent: info.recentActions.map((action) => ({
      scheduledMs: action.scheduledAt.getTime(),
      workflow: action.action.workflow.workflowId,
    })),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function text(schedule: z.input<typeof scheduleDocument>): string {
  const next = schedule.nextMs[0];
  return `${schedule.id}  ${schedule.run}  ${schedule.when.join('; ')} (${schedule.timeZone})  ${schedule.paused ? 'paused' : next === undefined ? 'no further start' : `next ${new Date(next).toISOString()}`}`;
}

async function act(
  { id, action }: { readonly id: string; readonly action: Action },
  context: CommandContext,
  send: (handle: ScheduleHandle) => Promise<unknown>,
): Promise<number> {
  return withSchedule(id, context, async (handle) => {
    await send(handle);
    return say(context, { id, action }, `schedule ${id}: ${action}`);
  });
}

async function withSchedule(
  id: string,
  context: CommandContext,
  body: (handle: ScheduleHandle) => Promise<number>,
): Promise<number> {
  return withTemporal(context, async (client: Client) => {
    try {
      return await body(client.schedule.getHandle(`${PREFIX}${id}`));
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      throw new InputError(
        `There is no schedule "${id}". \`assay schedule list\` shows all.`,
        { id },
        { cause: error },
      );
    }
  });
}

function say(context: CommandContext, document: z.input<typeof scheduleActionDocument>, line: string): number {
  context.output.result(scheduleActionDocument, document, () => line);
  return EXIT.done;
}
