// plan: the dry run. Reads run file, model, sources and what the store has; writes nothing, not even a probe.
import { LAST_STAGE } from '../../schemas/stages.js';
import os from 'node:os';
import path from 'node:path';
import { planDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { loadRunFile } from '../../pipeline/files/load.js';
import { loadSuite } from '../../pipeline/files/load-suite.js';
import { defaultChildBytes } from '../../pipeline/plan/child-ceiling.js';
import { childMemoryNotes } from '../../pipeline/plan/child-memory.js';
import { extractionMemoryNote } from '../../pipeline/plan/extraction-memory.js';
import { resolveRun } from '../../pipeline/resolve/resolve-run.js';
import type { CommandContext } from '../command.js';
import { openChosenStore } from '../store-choice.js';
import { counted, countText } from '../render/quantities.js';
import { textTable, type TextColumn } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { withFileDictionaries } from './named-dictionaries.js';
import { checkModelRuns, checkSources } from './preflight.js';
import { missingBytes, planRows, type PlanRow } from './plan-rows.js';
import type { PlanOptions } from './requests.js';

export async function plan(options: PlanOptions, context: CommandContext): Promise<number> {
  const suite = await loadSuite(path.resolve(context.io.cwd, options.file));
  // On demand: suites are started through Temporal's client, which a plan of one run need not load.
  if (suite) return (await import('./suites.js')).planSuite(suite, options.exact, context);
  const { runFile, folder, locate, storeNamed } = await loadRunFile(path.resolve(context.io.cwd, options.file));
  const resolved = await withFileDictionaries(context, { file: runFile, folder, storeNamed }, (dictionary) =>
    resolveRun(runFile, {
      ...{ folder, revision: 1, until: LAST_STAGE, limitDocuments: null },
      ...{ hostId: os.hostname(), nowMs: Date.now(), locate, dictionary },
    }),
  );
  const { run } = resolved;
  const sourceNotes = await checkSources(resolved, folder);
  await checkModelRuns(resolved);
  const choice = await context.chooseFileStore({ file: runFile, folder, storeNamed });
  const store = await openChosenStore(choice, context.output);
  try {
    const rows = await planRows(store, run, { exact: options.exact, folder });
    context.output.result(planDocument, { run: run.name, exact: options.exact, stages: rows }, () =>
      render(run, rows, options.exact),
    );
    const notes = [...sourceNotes, ...(isDone(rows) ? [] : memoryNotes(run))];
    for (const note of notes) if (note !== null) context.output.note(note);
    return EXIT.done;
  } finally {
    await store.close();
  }
}

/** What the run's work is likely to need of this machine. */
function memoryNotes(run: ResolvedRun): (string | null)[] {
  const memory = childMemoryNotes(run, defaultChildBytes());
  return [run.dictionaries.length > 0 ? memory.said : null, extractionMemoryNote(run), memory.warning];
}

/** Whether the run would do nothing. */
function isDone(rows: readonly PlanRow[]): boolean {
  return rows.every(({ known, missing }) => known && missing === 0);
}

function render(run: ResolvedRun, rows: readonly PlanRow[], exact: boolean): Text {
  const numbers = (title: string, spare = 0): TextColumn => ({ title, right: true, spare });
  const head = [
    { title: 'stage', spare: 2 },
    { title: 'dataset' },
    ...[numbers('planned'), numbers('cached', 1), numbers('missing'), numbers('lots', 3)],
    ...[numbers('bytes'), numbers('time')],
  ];
  const body = rows.map((row) => [
    row.stage,
    // All are datasets of the run that is planned.
    row.dataset.slice(run.name.length + 1),
    count(row.planned, row),
    count(row.cached, row),
    count(row.missing, row),
    count(row.lots, row),
    row.bytes === null ? '' : megabytes(row.bytes),
    row.seconds === null ? '' : `${Math.ceil(row.seconds)} s`,
  ]);
  const seconds = rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0);
  const total = ['', 'total', '', '', '', '', megabytes(missingBytes(rows)), `${Math.ceil(seconds)} s`];
  const quarantined = rows.reduce((sum, row) => sum + (row.quarantined ?? 0), 0);
  return [
    textTable(head, [...body, total]),
    '',
    ...(rows.every(({ known }) => known)
      ? []
      : [`~ estimated${exact ? ' from what was counted' : ''}; ? known after the steps before it.`]),
    ...(quarantined === 0
      ? []
      : [
          `${counted(quarantined, 'quarantined shard')} ${quarantined === 1 ? 'is' : 'are'} left out: assay resume ${run.name} --mode errored tries again.`,
        ]),
    isDone(rows)
      ? 'Everything is done; nothing to do.'
      : `${exact ? 'The corpus was counted' : 'Estimated from the sizes of the corpus files'}; about ${Math.ceil(seconds)} s of work on this machine. Nothing was written.`,
  ];
}

function count(value: number | null, { known }: PlanRow): string {
  if (value === null) return '?';
  return `${known || value === 0 ? '' : '~'}${countText(value)}`;
}

function megabytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
