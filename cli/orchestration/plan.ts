// plan: the dry run. Reads run file, model, sources and what the store has; writes nothing, not even a probe.
import os from 'node:os';
import path from 'node:path';
import { planDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { STAGES, type RunStage } from '../../schemas/stages.js';
import { loadRunFile } from '../../pipeline/files/load.js';
import { extractionMemoryNote } from '../../pipeline/plan/extraction-memory.js';
import { resolveRun } from '../../pipeline/resolve/resolve-run.js';
import { canonicalStoreUrl, openStore } from '../../storage/objects/open-store.js';
import type { CommandContext } from '../command.js';
import { checkModelRuns } from './preflight.js';
import { planRows, type PlanRow } from './plan-rows.js';
import type { PlanOptions } from './requests.js';

export async function plan(options: PlanOptions, context: CommandContext): Promise<number> {
  const { runFile, folder } = await loadRunFile(path.resolve(context.io.cwd, options.file));
  const resolved = await resolveRun(runFile, {
    folder,
    revision: 1,
    until: 'index',
    limitDocuments: null,
    hostId: os.hostname(),
    nowMs: Date.now(),
  });
  const { run } = resolved;
  await checkModelRuns(resolved);
  const url = canonicalStoreUrl(
    context.storeOption ?? runFile.store,
    context.storeOption === null ? folder : context.io.cwd,
  );
  const store = await openStore(url, { storeOptions: runFile.storeOptions });
  try {
    const rows = await planRows(store, run, { exact: options.exact, folder });
    context.output.result(planDocument, { run: run.name, exact: options.exact, stages: rows }, () =>
      render(rows, options.exact),
    );
    const note = extractionMemoryNote(run);
    if (note !== null) context.output.note(note);
    return EXIT.done;
  } finally {
    await store.close();
  }
}

function render(rows: readonly PlanRow[], exact: boolean): string {
  const head = ['stage', 'dataset', 'planned', 'cached', 'missing', 'lots', 'bytes', 'time'];
  const body = rows.map((row) => [
    row.stage,
    row.dataset,
    count(row.planned, row.stage),
    count(row.cached, row.stage),
    count(row.missing, row.stage),
    count(row.lots, row.stage),
    row.bytes === null ? '' : megabytes(row.bytes),
    row.seconds === null ? '' : `${Math.ceil(row.seconds)} s`,
  ]);
  const table = [head, ...body];
  const widths = head.map((_, column) => Math.max(...table.map((cells) => (cells[column] ?? '').length)));
  const lines = table.map((cells) =>
    cells
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  const seconds = STAGES.reduce((sum, stage) => sum + (rows.find((row) => row.stage === stage)?.seconds ?? 0), 0);
  return [
    ...lines,
    '',
    `${exact ? 'Counted' : 'Estimated from the sizes of the corpus files'}; about ${Math.ceil(seconds)} s of work on this machine. Nothing was written.`,
  ].join('\n');
}

const BEFORE: Readonly<Record<RunStage, string>> = {
  corpus: 'now',
  tokens: 'corpus',
  activations: 'tokens',
  train: 'activations',
  encode: 'train',
  index: 'encode',
};

function count(value: number | null, stage: RunStage): string {
  return value === null ? `known after ${BEFORE[stage]}` : value.toLocaleString('en-US');
}

function megabytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
