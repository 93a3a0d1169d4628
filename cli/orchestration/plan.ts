// plan: the dry run. Reads run file, model, sources and what the store has; writes nothing, not even a probe.
import os from 'node:os';
import path from 'node:path';
import type { z } from 'zod';
import { planDocument } from '../../schemas/cli-json-runs.js';
import { EXIT, STAGES, type StageName } from '../../schemas/constants.js';
import { loadRunFile } from '../../stages/run-file/load.js';
import { estimateStages } from '../../stages/run-plan/estimate.js';
import { resolveRun } from '../../stages/run-plan/resolve-run.js';
import { initialPlan } from '../../stages/run-plan/plan-record.js';
import {
  latestRevision,
  remainingWork,
  sameRequest,
  stagesOf,
} from '../../stages/run-plan/run-records.js';
import { canonicalStoreUrl, openStore } from '../../storage/objects/open-store.js';
import { listCommitInputs } from '../../storage/records/commits.js';
import type { CommandContext } from '../command.js';
import type { PlanOptions } from '../commands/plan.js';

type PlanRow = z.input<typeof planDocument>['stages'][number];

export async function plan(options: PlanOptions, context: CommandContext): Promise<number> {
  const { runFile, folder } = await loadRunFile(path.resolve(context.io.cwd, options.file));
  const { run } = await resolveRun(runFile, {
    folder,
    revision: 1,
    until: 'index',
    limitDocuments: null,
    hostId: os.hostname(),
    nowMs: Date.now(),
  });
  const url = canonicalStoreUrl(
    context.storeOption ?? runFile.store,
    context.storeOption === null ? folder : context.io.cwd,
  );
  const store = await openStore(url, { storeOptions: runFile.storeOptions });
  try {
    const estimates = await estimateStages(run, { exact: options.exact, folder });
    const stored = await latestRevision(store, run.name);
    const same = stored !== null && sameRequest(stored, run) ? stored : null;
    const left = same ? await remainingWork(store, same, 'missing') : null;
    const rows: PlanRow[] = [];
    for (const entry of initialPlan(run).stages) {
      if (!stagesOf(run).includes(entry.stage)) continue;
      const work = left?.stages.find((s) => s.stage === entry.stage)?.work ?? null;
      const estimate = estimates[entry.stage];
      const planned = work?.planned ?? estimate.items;
      const cached =
        work?.committed ??
        (entry.key === null ? null : (await listCommitInputs(store, entry.stage, entry.key)).size);
      const missing = planned === null || cached === null ? null : Math.max(0, planned - cached);
      const share = planned === null || missing === null || planned === 0 ? 1 : missing / planned;
      rows.push({
        ...{ stage: entry.stage, dataset: entry.dataset, key: entry.key, planned, cached, missing },
        lots:
          missing === null
            ? null
            : Math.min(
                missing,
                Math.max(
                  1,
                  Math.ceil(
                    missing / Math.max(1, Math.floor(missing / (4 * os.availableParallelism()))),
                  ),
                ),
              ),
        bytes: estimate.bytes === null ? null : Math.round(estimate.bytes * share),
        seconds: estimate.seconds === null ? null : estimate.seconds * share,
      });
    }
    context.output.result(planDocument, { run: run.name, exact: options.exact, stages: rows }, () =>
      render(rows, options.exact),
    );
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
  const widths = head.map((_, column) =>
    Math.max(...table.map((cells) => (cells[column] ?? '').length)),
  );
  const lines = table.map((cells) =>
    cells
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
  const seconds = STAGES.reduce(
    (sum, stage) => sum + (rows.find((row) => row.stage === stage)?.seconds ?? 0),
    0,
  );
  return [
    ...lines,
    '',
    `${exact ? 'Counted' : 'Estimated from the sizes of the corpus files'}; about ${Math.ceil(seconds)} s of work on this machine. Nothing was written.`,
  ].join('\n');
}

const BEFORE: Readonly<Record<StageName, string>> = {
  corpus: 'now',
  tokens: 'corpus',
  activations: 'tokens',
  train: 'activations',
  encode: 'train',
  index: 'encode',
};

function count(value: number | null, stage: StageName): string {
  return value === null ? `known after ${BEFORE[stage]}` : value.toLocaleString('en-US');
}

function megabytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
