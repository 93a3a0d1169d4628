// The `evaluation` table in the compute child: sums of all shards, in their order, and what follows from them.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { NUMBERS } from '../../core/dictionaries/evaluate-graph.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import { columnsFromRows } from '../../storage/tables/row-objects.js';
import { readTable } from '../../storage/tables/read.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { ChildOutput } from '../stage.js';
import type { TableRequest } from './messages.js';
import { randomModelControl } from './random-model.js';
import { columnCount, type EvaluationEntry, type EvaluationSums, summarise } from './summarise.js';
import { LOSS_COLUMNS, readSums, type ShardSums } from './sums-file.js';

export async function makeTable(request: TableRequest, context: ChildContext): Promise<ChildOutput> {
  const { spool, key, config } = request;
  const { keyed, aux } = config;
  const subjects = ['dictionary', ...aux.controls];
  const shards: ShardSums[] = [];
  for (const [index, { shard }] of request.shards.entries()) {
    const file = await context.ask<string>('sums', { index });
    shards.push(await readSums(file, { shard, subjects, features: aux.features }));
  }
  const { features } = aux;
  const sums = joinShards(shards, { subjects, features, deadTraining: keyed.deadTraining });
  const own = summarise(sums, keyed);
  const entries = request.randomModel === null ? own : [...own, ...(await readControl(request.randomModel, own))];
  const rows = sums.sums.values.reduce((n, value, i) => n + (i % sums.sums.columns === 0 ? value : 0), 0);
  const shared = { split: aux.split, rows, documents: sums.sums.documents };
  const writer = await TableWriter.open({
    ...{ table: 'evaluation', path: path.join(spool, 'evaluation.arrow'), shard: 'evaluation' },
    metadata: {
      ...{ key, dictionary: aux.name, model: aux.model, site: aux.site },
      ...{ resamples: String(keyed.resamples), seed: String(keyed.seed) },
    },
  });
  await writer.write(
    columnsFromRows(
      'evaluation',
      entries.map((entry) => ({ ...entry, ...shared })),
    ),
  );
  return { files: await writer.finish(), statistics: { rows, documents: sums.sums.documents } };
}

/** What the evaluation of the same dictionary on the model without training says, as a control. */
async function readControl(file: string, own: readonly EvaluationEntry[]): Promise<EvaluationEntry[]> {
  const { columns } = await readTable('evaluation', await readFile(file));
  const maybe = (value: number | undefined): number | null =>
    value === undefined || Number.isNaN(value) ? null : value;
  const other = columns.subject.flatMap((subject, i) =>
    subject === 'dictionary'
      ? {
          ...{ metric: columns.metric[i] ?? '', n: columns.n[i] ?? 0 },
          ...{ value: maybe(columns.value[i]), lo: maybe(columns.lo[i]), hi: maybe(columns.hi[i]) },
        }
      : [],
  );
  return randomModelControl(own, other);
}

interface Joined {
  readonly subjects: readonly string[];
  readonly features: number;
  readonly deadTraining: number | null;
}

/** All shards end to end; a split without rows has no shards, and numbers of nothing. */
function joinShards(shards: readonly ShardSums[], { subjects, features, deadTraining }: Joined): EvaluationSums {
  const hasLosses = shards.length > 0 && shards.every(({ losses }) => losses !== null);
  const columns = columnCount(subjects.length, hasLosses);
  const documents = shards.reduce((sum, shard) => sum + shard.documents.length, 0);
  const values = new Float64Array(documents * columns);
  const shift = new Float64Array(shards[0]?.shift.length ?? 0);
  const fired = new Float64Array(features);
  let row = 0;
  for (const shard of shards) {
    shard.shift.forEach((value, i) => (shift[i] = (shift[i] as number) + value));
    shard.fired.forEach((value, i) => (fired[i] = (fired[i] as number) + value));
    const parts = [
      { from: shard.rows, width: 2 },
      ...subjects.map((name) => ({ from: shard.subjects.get(name) as Float64Array, width: NUMBERS.length })),
      ...(hasLosses ? [{ from: shard.losses as Float64Array, width: LOSS_COLUMNS.length }] : []),
    ];
    for (let d = 0; d < shard.documents.length; d++, row++) {
      let at = row * columns;
      for (const { from, width } of parts) {
        values.set(from.subarray(d * width, (d + 1) * width), at);
        at += width;
      }
    }
  }
  return { sums: { documents, columns, values }, subjects, hasLosses, shift, fired, deadTraining };
}
