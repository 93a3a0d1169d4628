// `assay sql`: one SELECT over the tables of runs, its rows written as they come.
import { leftOutNote } from '../render/left-out-text.js';
import { Option } from 'commander';
import { EXIT } from '../../schemas/exit.js';
import { InputError } from '../../schemas/errors.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';

const FORMATS = ['table', 'csv', 'json', 'arrow'] as const;
type Format = (typeof FORMATS)[number];

interface SqlOptions {
  readonly query: string;
  readonly run?: string;
  readonly format?: Format;
  /** Most bytes that may be loaded. */
  readonly maxBytes: number;
}

const MAX_BYTES = 4 * 2 ** 30;

export const sql = defineCommand({
  arguments: '<query>',
  description: 'one SELECT (DuckDB) over documents, tokens, acts, postings, features, top, labels and more',
  examples: [
    ['assay sql "select feature, n, max from features order by n desc limit 5"', 'the busiest features'],
    [
      'assay sql "select d.id, count(*) n from postings p join documents d using (doc) where feature = 77 group by 1 order by 2 desc" --run kjv',
      'where feature 77 fires',
    ],
    ['assay sql "from postings" --format csv > postings.csv', 'all rows, as they come'],
    [
      'assay sql "select a.feature, a.n, b.n from kjv.dict.features a join other.dict.features b using (feature)"',
      'tables of two runs: RUN.DICT.TABLE, RUN.documents',
    ],
  ],
  options: (command) => {
    command
      .option('--run <run>', 'the run that tables without a run mean (default: the only one)')
      .addOption(new Option('--format <format>', 'how rows are written (default: table)').choices(FORMATS))
      .option('--max-bytes <n>', 'refuse to load more than this', wholeNumber(1), MAX_BYTES);
  },
  request: ([query], flags: Omit<SqlOptions, 'query'>) => ({ ...flags, query }),
  run: answer,
});

async function answer({ query, run, format, maxBytes }: SqlOptions, context: CommandContext): Promise<number> {
  const { output, io } = context;
  const { stdout } = io;
  const wanted = formatOf(format, output.json);
  if (wanted === 'arrow' && stdout.isTTY)
    throw new InputError('Expected a file or a pipe for --format arrow, found a terminal; add > answer.arrows', {
      format,
    });
  const store = await context.openStore();
  // Loaded on demand: help does not need DuckDB's native library.
  const { querySql } = await import('../../reading/sql/query.js');
  const { writeAnswer } = await import('../../reading/sql/formats/format.js');
  const writer = await loadFormat(wanted, stdout.columns);
  const request = { query, run: run ?? null, maxBytes, signal: io.signal };
  const { notes, coverage, leftOut } = await querySql(store, request, async (found) => {
    await writeAnswer(found, writer, (piece) => stdout.send(piece));
    return found;
  });
  const growing = coverage.map(
    ({ table, shards, planned }) =>
      `${table} covers ${shards}${planned === null ? '' : ` of ${planned}`} shards so far.`,
  );
  const missing = leftOutNote(leftOut);
  for (const note of [...notes, ...growing, ...(missing === null ? [] : [missing])]) output.note(note);
  return EXIT.done;
}

function formatOf(format: Format | undefined, json: boolean): Format {
  if (json && format !== undefined && format !== 'json')
    throw new InputError(`Expected --json or --format ${format}, found both, which differ; give one.`, { format });
  return json ? 'json' : (format ?? 'table');
}

async function loadFormat(
  format: Format,
  columns: number,
): Promise<import('../../reading/sql/formats/format.js').RowFormat> {
  switch (format) {
    case 'table':
      return (await import('../render/sql-table.js')).createTableFormat(columns);
    case 'csv':
      return (await import('../../reading/sql/formats/csv.js')).csvFormat;
    case 'json':
      return (await import('../../reading/sql/formats/json.js')).createJsonFormat();
    case 'arrow':
      return (await import('../../reading/sql/formats/arrow.js')).createArrowFormat();
  }
}
