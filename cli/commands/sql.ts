// `assay sql`: one SELECT over a run's tables.
import { sqlDocument } from '../../schemas/documents/features.js';
import { EXIT } from '../../schemas/exit.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { sqlText } from '../render/sql-text.js';

interface SqlOptions {
  readonly query: string;
  readonly run?: string;
  /** Most bytes that may be loaded. */
  readonly maxBytes: number;
}

const MAX_BYTES = 4 * 2 ** 30;

export const sql = defineCommand({
  arguments: '<query>',
  description: 'one SELECT (DuckDB) over documents, tokens, acts, postings, features, top and training',
  examples: [
    ['assay sql "select feature, n, max from features order by n desc limit 5"', 'the busiest features'],
    [
      'assay sql "select d.id, count(*) n from postings p join documents d using (doc) where feature = 77 group by 1 order by 2 desc" --run kjv',
      'where feature 77 fires',
    ],
  ],
  options: (command) => {
    command
      .option('--run <run>', 'the run whose tables are meant (default: the only one)')
      .option('--max-bytes <n>', 'refuse to load more than this', wholeNumber(1), MAX_BYTES);
  },
  request: ([query], flags: Omit<SqlOptions, 'query'>) => ({ ...flags, query }),
  run: answer,
});

async function answer({ query, run, maxBytes }: SqlOptions, context: CommandContext): Promise<number> {
  const { output, io } = context;
  const store = await context.openStore();
  // Loaded on demand: help does not need DuckDB's native library.
  const { querySql } = await import('../../reading/sql/query.js');
  const { document, notes } = await querySql(store, { query, run: run ?? null, maxBytes, signal: io.signal });
  output.result(sqlDocument, document, () => sqlText(document));
  const growing = document.coverage.map(
    ({ table, shards, planned }) =>
      `${table} covers ${shards}${planned === null ? '' : ` of ${planned}`} shards so far.`,
  );
  for (const note of [...notes, ...growing]) output.note(note);
  return EXIT.done;
}
