// Resolves a schedule's template for one scheduled time and stores the run; runs on the host that has the files.
import { LAST_STAGE } from '../schemas/stages.js';
import { runFile } from '../schemas/run-file.js';
import { DataError } from '../schemas/errors.js';
import type { RunInput, ScheduledInput } from '../schemas/messages.js';
import { outsideOf } from '../pipeline/allowed/outside.js';
import { getJson } from '../storage/records/data-json.js';
import { fillPlaceholders } from '../pipeline/files/placeholders.js';
import { resolveRun } from '../pipeline/resolve/resolve-run.js';
import { runInputOf, settleRun } from '../pipeline/execute/submit.js';
import { keepSchedule, rootOf } from '../storage/records/schedule-roots.js';
import { dictionaryLookup } from '../stages/train/stored-dictionary.js';
import { remainingWork } from '../pipeline/plan/run-records.js';
import type { ActivityDependencies } from './dependencies.js';

interface ScheduleTemplate {
  readonly file: unknown;
  /** Folder from which the run file's relative paths start. */
  readonly folder: string;
}

export async function prepareScheduledRunActivity(
  input: { readonly schedule: ScheduledInput; readonly scheduledMs: number },
  dependencies: ActivityDependencies,
): Promise<RunInput | null> {
  const { schedule, scheduledMs } = input;
  const store = await dependencies.openStore(schedule.ref.store.url, schedule.ref.store.options);
  // Schedules of earlier releases were not kept by the store.
  await keepSchedule(store, rootOf(schedule), { schedule: schedule.schedule, template: schedule.template });
  const template = (await getJson(store, schedule.template)) as ScheduleTemplate;
  const filled = fillPlaceholders(template.file, { scheduledMs, timeZone: schedule.timeZone });
  const parsed = runFile.safeParse(filled);
  if (!parsed.success)
    throw new DataError(
      `The template of schedule "${schedule.schedule}" is no valid run file: ${parsed.error.message}. Create the schedule anew.`,
      { schedule: schedule.schedule },
    );
  await dependencies.allowed.assertSources(outsideOf(parsed.data, template.folder));
  const resolved = await resolveRun(parsed.data, {
    folder: template.folder,
    revision: 1,
    until: LAST_STAGE,
    limitDocuments: null,
    hostId: dependencies.hostId,
    nowMs: Date.now(),
    dictionary: dictionaryLookup({ store, cache: dependencies.cacheFor(store), signal: dependencies.stop }),
  });
  const { run, same } = await settleRun(store, resolved, () => Promise.resolve(false));
  if (same && schedule.mode !== 'all' && (await remainingWork(store, run, schedule.mode)).complete) return null;
  return runInputOf(run, schedule.ref.store, schedule.mode);
}
