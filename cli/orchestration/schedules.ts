// schedule …: Temporal keeps the schedules; each starts `scheduledRun` with a stored template of the run file.
import { ScheduleNotFoundError, ScheduleOverlapPolicy, type Client, type ScheduleHandle } from '@temporalio/client';
import type { z } from 'zod';
import { scheduleDocument, schedulesDocument } from '../../schemas/documents/runs.js';
import { nearestNames } from '../../core/text/nearest-names.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import type { ScheduledInput } from '../../schemas/messages.js';
import { QUEUES } from '../../schemas/orchestration.js';
import { openStore } from '../../storage/objects/open-store.js';
import { releaseSchedule, rootOf } from '../../storage/records/schedule-roots.js';
import type { CommandContext } from '../command.js';
import { counted, timeText } from '../render/quantities.js';
import { actionText, schedulesText, scheduleText, type ToldAction } from '../render/schedule-text.js';
import type { ScheduleActions, ScheduleBackfillOptions } from './requests.js';
import { noteUnserved } from './run-workers.js';
import { createSchedule } from './schedule-create.js';
import { sayAction, SCHEDULE_PREFIX } from './schedule-names.js';
import { calendarText } from './schedule-times.js';
import { temporalAddress, withTemporal } from './temporal-client.js';

export const schedules: ScheduleActions = {
  create: createSchedule,
  list: listSchedules,
  show: (id, context) =>
    withSchedule(id, context, async (handle) => {
      const { document } = await describe(handle);
      context.output.result(scheduleDocument, document, () => scheduleText(document));
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
      `schedule ${id} starts ${counted(times.length, 'run')}, one after the other: ${times.map(timeText).join(', ')}`,
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
  // A server keeps those of all stores; where no store is named, all are meant.
  const choice = await context.chooseStore().catch((error: unknown) => {
    if (error instanceof InputError) return null;
    throw error;
  });
  if (choice !== null) context.output.note(`store ${choice.url} (${choice.from})`);
  return withTemporal(context, async (client) => {
    const all: Described[] = [];
    for (const id of await scheduleIds(client)) all.push(await describe(handleOf(client, id)));
    const own = all.filter(({ store }) => choice === null || store === null || store === choice.url);
    const documents = own.map(({ document }) => document);
    context.output.result(schedulesDocument, documents, () => schedulesText(documents));
    const others = all.length - own.length;
    if (others > 0)
      context.output.note(`${counted(others, 'schedule')} of other stores: name a store with --store to see its own.`);
    return EXIT.done;
  });
}

async function scheduleIds(client: Client): Promise<string[]> {
  const ids: string[] = [];
  for await (const { scheduleId } of client.schedule.list())
    if (scheduleId.startsWith(SCHEDULE_PREFIX)) ids.push(scheduleId.slice(SCHEDULE_PREFIX.length));
  return ids;
}

function handleOf(client: Client, id: string): ScheduleHandle {
  return client.schedule.getHandle(`${SCHEDULE_PREFIX}${id}`);
}

interface Described {
  readonly document: z.input<typeof scheduleDocument>;
  /** URL of the store that its runs go to; null where it does not say. */
  readonly store: string | null;
}

async function describe(handle: ScheduleHandle): Promise<Described> {
  const { spec, state, info, memo, action } = await handle.describe();
  const [input] = (action.args ?? []) as ScheduledInput[];
  const intervals = (spec.intervals ?? []).map(({ every }) => `every ${every / 1000} s`);
  const asked = textOf(memo?.['when']);
  const calendars = (spec.calendars ?? []).map(calendarText);
  const document = {
    id: handle.scheduleId.slice(SCHEDULE_PREFIX.length),
    run: textOf(memo?.['run']) ?? '',
    when: asked === undefined ? [...intervals, ...calendars] : [asked],
    timeZone: textOf(memo?.['timeZone']) ?? spec.timezone ?? 'UTC',
    paused: state.paused,
    nextMs: info.nextActionTimes.map((time) => time.getTime()),
    recent: info.recentActions.map((recent) => ({
      scheduledMs: recent.scheduledAt.getTime(),
      workflow: recent.action.workflow.workflowId,
    })),
  };
  return { document, store: input?.ref.store.url ?? null };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

async function act(
  { id, action }: { readonly id: string; readonly action: ToldAction },
  context: CommandContext,
  send: (handle: ScheduleHandle) => Promise<unknown>,
): Promise<number> {
  return withSchedule(id, context, async (handle) => {
    await send(handle);
    return sayAction(context, { id, action }, actionText(id, action));
  });
}

/** Names the store that the schedule's runs go to, whichever this folder reads. */
async function nameStore(handle: ScheduleHandle, { output }: CommandContext): Promise<void> {
  const { store } = await describe(handle);
  if (store !== null) output.note(`store ${store} (the schedule)`);
}

async function withSchedule(
  id: string,
  context: CommandContext,
  body: (handle: ScheduleHandle) => Promise<number>,
): Promise<number> {
  return withTemporal(context, async (client: Client) => {
    try {
      const handle = handleOf(client, id);
      await nameStore(handle, context);
      return await body(handle);
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      const near = nearestNames(id, await scheduleIds(client).catch(() => []));
      const remedy = near.length > 0 ? `did you mean ${near.join(' or ')}?` : '`assay schedule list` shows all.';
      throw new InputError(`There is no schedule "${id}"; ${remedy}`, { id, candidates: near }, { cause: error });
    }
  });
}
