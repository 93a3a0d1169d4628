// `assay logs`: what happened to a run.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { logsDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { readEvents } from '../../storage/records/events.js';
import { findRun } from '../../storage/records/run-history.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { findLocalConfig } from '../local-config.js';
import { eventsText } from '../render/events-text.js';

interface LogsOptions {
  readonly run: string;
  readonly last?: number;
}

export const logs = defineCommand({
  arguments: '<run>',
  description: 'what happened to a run: its stored events, oldest first; their chain of digests is checked',
  examples: [['assay logs kjv --last 20', 'the newest twenty events']],
  options: (command) => {
    command.option('--last <n>', 'only the newest n events', wholeNumber(1));
  },
  request: ([run], flags: Omit<LogsOptions, 'run'>) => ({ ...flags, run }),
  run: showLogs,
});

async function showLogs(options: LogsOptions, context: CommandContext): Promise<number> {
  const store = await context.openStore();
  const run = await findRun(store, options.run);
  const all = await readEvents(store, run);
  const shown = options.last === undefined ? all : all.slice(-options.last);
  const events = shown.map(({ n, atMs, type, data }) => ({ n, atMs, type, data }));
  context.output.result(logsDocument, { run: run.name, revision: run.revision, events }, () => eventsText(events));
  const folder = await workerLogs(context.io.cwd);
  if (folder !== null && !context.output.json)
    context.output.note(`Workers of this folder write their own logs to ${folder}`);
  return EXIT.done;
}

/** Where the workers that `up` and `run` started from here write their logs; null where there are none. */
async function workerLogs(cwd: string): Promise<string | null> {
  const found = await findLocalConfig(cwd);
  if (found === null) return null;
  const folder = join(found.folder, '.assay', 'logs');
  return (await stat(folder).catch(() => null)) === null ? null : folder;
}
