// schedule create: keeps the template in the store, then tells Temporal when to start it.
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleOptions } from '@temporalio/client';
import { outsideOf } from '../../pipeline/allowed/outside.js';
import { loadRunFile } from '../../pipeline/files/load.js';
import { InputError } from '../../schemas/errors.js';
import type { ScheduledInput } from '../../schemas/messages.js';
import { QUEUES, WORKFLOWS } from '../../schemas/orchestration.js';
import { putJson } from '../../storage/records/data-json.js';
import { claimStoreId } from '../../storage/records/identity.js';
import { keepSchedule, releaseSchedule } from '../../storage/records/schedule-roots.js';
import type { CommandContext } from '../command.js';
import { timeText } from '../render/quantities.js';
import { whenText as shownWhen } from '../render/schedule-text.js';
import { openChosenStore } from '../store-choice.js';
import { allowHere } from './allow.js';
import { withLinks } from './linked-places.js';
import type { OverlapPolicy, ScheduleCreateOptions } from './requests.js';
import { noteUnserved } from './run-workers.js';
import { sayAction, SCHEDULE_PREFIX } from './schedule-names.js';
import { twiceNamed } from './schedule-times.js';
import { refusalOf, withTemporal } from './temporal-client.js';

const OVERLAP: Readonly<Record<OverlapPolicy, ScheduleOverlapPolicy>> = {
  skip: ScheduleOverlapPolicy.SKIP,
  'buffer-one': ScheduleOverlapPolicy.BUFFER_ONE,
  'buffer-all': ScheduleOverlapPolicy.BUFFER_ALL,
  'cancel-other': ScheduleOverlapPolicy.CANCEL_OTHER,
  'allow-all': ScheduleOverlapPolicy.ALLOW_ALL,
};

const DEFAULT_CATCH_UP_MS = 24 * 3600_000;

export async function createSchedule(options: ScheduleCreateOptions, context: CommandContext): Promise<number> {
  if ((options.cron === undefined) === (options.everyMs === undefined))
    throw new InputError('Expected one of --cron and --every; see `assay help schedule create`.');
  checkTimeZone(options.timeZone);
  const file = path.resolve(context.io.cwd, options.file);
  const { runFile, folder, storeNamed } = await loadRunFile(file, { purpose: 'schedule' });
  const choice = await context.chooseFileStore({ file: runFile, folder, storeNamed });
  const { url, options: storeOptions } = choice;
  const store = await openChosenStore(choice, context.output, { makes: true });
  try {
    const id = options.id ?? runFile.name.replace(/[-_.]?\{\{\w+\}\}/g, '');
    const root = randomUUID();
    let kept = false;
    const next = await withTemporal(context, async (client, at) => {
      // Nothing is written before Temporal answers: a mistyped store is not made.
      const template = await putJson(store, { file: runFile, folder });
      await allowHere(context, { url, options: storeOptions }, await withLinks(outsideOf(runFile, folder)));
      await keepSchedule(store, root, { schedule: id, template });
      kept = true;
      const input: ScheduledInput = {
        storeId: await claimStoreId(store),
        ref: { store: { url, options: storeOptions } },
        schedule: id,
        timeZone: options.timeZone,
        mode: 'missing',
        hostQueue: QUEUES.host(os.hostname()),
        ...{ template, root },
      };
      const asked = whenText(options);
      const first = await createOnce(client, id, { options: scheduleOptions(options, input, runFile.name), asked });
      // The schedule is there: what is only told may fail, the template must stay.
      const queues = [QUEUES.orchestrate, input.hostQueue];
      await noteUnserved(`schedule ${id}`, { client, at, context }, queues).catch(() => undefined);
      return first;
    }).catch(async (error: unknown) => {
      // Refused for certain. After any other failure the schedule may be there, and its template must stay.
      if (kept && error instanceof InputError) await releaseSchedule(store, root, id);
      throw error;
    });
    const twice = twiceNamed(runFile.name, options, Date.now());
    if (twice !== null) context.output.note(twice);
    return sayAction(
      context,
      { id, action: 'create' },
      `schedule ${id} starts runs named ${runFile.name}, ${next}. Look at it with: assay schedule show ${id}`,
    );
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
    return first === undefined
      ? `but ${shownWhen(asked)} names no time to come`
      : `first at ${timeText(first.getTime())}`;
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
      `Expected times that Temporal takes, found ${shownWhen(asked)}: ${refusal}. --cron has five fields, minute hour day month weekday, as in "0 2 * * *".`,
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
    scheduleId: `${SCHEDULE_PREFIX}${id}`,
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
