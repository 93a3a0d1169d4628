// schedule …: Temporal keeps the schedules; each starts `scheduledRun` with a stored template of the run file.
import { ScheduleNotFoundError, ScheduleOverlapPolicy, type Client, type ScheduleHandle } from '@temporalio/client';
import type { z } from 'zod';
import { type scheduleActionDocument, scheduleDocument, schedulesDocument } from '../../schemas/documents/runs.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import type { ScheduledInput } from '../../schemas/messages.js';
import { QUEUES } from '../../schemas/orchestration.js';
import { openStore } from '../../storage/objects/open-store.js';
import { releaseSchedule, rootOf } from '../../storage/records/schedule-roots.js';
import type { CommandContext } from '../command.js';
import { counted } from '../render/quantities.js';
import type { ScheduleActions, ScheduleBackfillOptions } from './requests.js';
import { noteUnserved } from './run-workers.js';
import { createSchedule } from './schedule-create.js';
import { sayAction, SCHEDULE_PREFIX } from './schedule-names.js';
import { calendarText } from './schedule-times.js';
import { temporalAddress, withTemporal } from './temporal-client.js';

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
    return sayAction(
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
    `schedule ${handle.scheduleId.slice(SCHEDULE_PREFIX.length)}`,
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
      if (scheduleId.startsWith(SCHEDULE_PREFIX)) documents.push(await describe(client.schedule.getHandle(scheduleId)));
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
    id: handle.scheduleId.slice(SCHEDULE_PREFIX.length),
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
    return sayAction(context, { id, action }, `schedule ${id}: ${action}`);
  });
}

async function withSchedule(
  id: string,
  context: CommandContext,
  body: (handle: ScheduleHandle) => Promise<number>,
): Promise<number> {
  return withTemporal(context, async (client: Client) => {
    try {
      return await body(client.schedule.getHandle(`${SCHEDULE_PREFIX}${id}`));
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
