// `assay export`: a dataset as files that other programs read.
import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { exportDocument } from '../../schemas/documents/datasets.js';
import { EXIT } from '../../schemas/exit.js';
import { pinDataset } from '../../reading/datasets/pinned.js';
import { commaList, defineCommand, type CommandContext } from '../command.js';
import { leftOut } from '../../reading/datasets/left-out.js';
import { leftOutNote } from '../render/left-out-text.js';
import { growingText } from '../render/dataset-text.js';
import { bytesText, countText, counted } from '../render/quantities.js';
import type { LiveLine } from '../terminal/live-line.js';
import type { ExportProgress } from '../../reading/export/parquet.js';

const FORMATS = ['parquet'] as const;

interface ExportOptions {
  readonly dataset: string;
  readonly to: (typeof FORMATS)[number];
  readonly out?: string;
  readonly sort?: readonly string[];
}

export const exportCommand = defineCommand({
  arguments: '<dataset>',
  description: 'write a dataset as files that other programs read',
  examples: [
    ['assay export kjv/kjv-l2/features --to parquet', 'into the folder kjv-kjv-l2-features'],
    ['assay export kjv/documents --to parquet --out docs', 'into the folder docs'],
    ['assay export kjv/activations/blocks.2.hook_resid_post --to parquet --sort doc,pos', 'in the order of the text'],
  ],
  options: (command) => {
    command
      .addOption(
        new Option('--to <format>', 'format of the files').choices(FORMATS).argParser(format).makeOptionMandatory(),
      )
      .option('--out <folder>', 'where to (default: a folder named for the dataset)')
      .option(
        '--sort <columns>',
        'sort the rows by these, separated by commas (default: as they are stored)',
        commaList,
      );
  },
  request: ([dataset], flags: Omit<ExportOptions, 'dataset'>) => ({ ...flags, dataset }),
  run: exportDataset,
});

/** @throws InvalidArgumentError with what writes other formats, and names a file */
function format(given: string): (typeof FORMATS)[number] {
  const known = FORMATS.find((one) => one === given);
  if (known !== undefined) return known;
  throw new InvalidArgumentError(
    `Allowed choices are ${FORMATS.join(', ')}; \`assay sql "from TABLE" --format csv > FILE\` writes rows as text, and --out names the folder.`,
  );
}

async function exportDataset(options: ExportOptions, context: CommandContext): Promise<number> {
  const { output, io } = context;
  const store = await context.openStore();
  const snapshot = await pinDataset(store, options.dataset);
  const folder = resolve(io.cwd, options.out ?? options.dataset.replaceAll('/', '-'));
  // Loaded on demand: help does not need DuckDB's native library.
  const { exportTables } = await import('../../reading/export/export.js');
  const sort = options.sort ?? [];
  const onProgress = (progress: ExportProgress): void => output.progress(progressLine(progress));
  const files = await exportTables(store, snapshot, { folder, sort, signal: io.signal, onProgress }).catch(
    (error: unknown) => {
      if (io.signal.aborted) output.note(`The export was stopped; what it had begun in ${folder} is removed.`);
      throw error;
    },
  );
  output.progress(null);
  const missing = await leftOut(store, snapshot);
  const document = { dataset: snapshot.dataset, snapshot: snapshot.version, folder, files, leftOut: missing };
  output.result(exportDocument, document, () =>
    files.map(({ path, rows, bytes }) => `${path}  ${counted(rows, 'row')}, ${bytesText(bytes)}`).join('\n'),
  );
  const note = leftOutNote(missing);
  if (note !== null) output.note(note);
  if (!snapshot.complete) output.note(`The dataset is ${growingText(snapshot)}.`);
  return EXIT.done;
}

/** `activations  ████░░░░  sorting 12,288 of 400,000 rows` */
function progressLine({ table, doing, rows, allRows, bytes }: ExportProgress): LiveLine {
  const written = doing === 'writing' && bytes > 0 ? [`${bytesText(bytes)} written`] : [];
  return {
    name: table,
    share: allRows === 0 ? null : rows / allRows,
    parts: [`${doing} ${countText(rows)} of ${counted(allRows, 'row')}`, ...written],
  };
}
