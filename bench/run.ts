// `npm run bench`: measures the rows asked for, prints them as a table (or as JSON) and keeps them in
// bench/ with the machine's name. Never a test: a slow machine is no mistake.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../runtime/package-root.js';
import { AssayError, InputError } from '../schemas/errors.js';
import { byRow, keepRows } from './keep.js';
import type { Bench, BenchRow } from './row.js';
import { formatTable } from './table.js';

/** Which bench measures which rows. */
const BENCHES: readonly {
  readonly rows: readonly BenchRow['row'][];
  readonly load: () => Promise<Bench>;
}[] = [
  {
    rows: [1, 2],
    load: async () => (await import('./extraction/extraction.js')).benchExtraction,
  },
  { rows: [3], load: async () => (await import('./dictionaries/dictionaries.js')).benchStep },
  { rows: [4], load: async () => (await import('./dictionaries/peers.js')).benchStepOfPeers },
  { rows: [5], load: async () => (await import('./dictionaries/dictionaries.js')).benchWide },
  { rows: ['routed'], load: async () => (await import('./dictionaries/routed.js')).benchRouted },
  { rows: ['scale'], load: async () => (await import('./dictionaries/dictionaries.js')).benchScale },
  { rows: [6], load: async () => (await import('./top/top.js')).benchTop },
  {
    rows: [7],
    load: async () => (await import('./orchestration/resume.js')).benchResume,
  },
  {
    rows: [8],
    load: async () => (await import('./training/training.js')).benchTraining,
  },
  { rows: [9], load: async () => (await import('./orchestration/idle.js')).benchIdle },
  { rows: ['commands'], load: async () => (await import('./commands/commands.js')).benchCommands },
  { rows: ['engine'], load: async () => (await import('./engine/engine.js')).benchEngine },
];

/** @throws InputError for a row that no bench measures */
function parseRows(text: string | undefined): readonly BenchRow['row'][] {
  const known = BENCHES.flatMap((bench) => bench.rows);
  if (text === undefined) return known;
  return text.split(',').map((part) => {
    const row = known.find((one) => String(one) === part);
    if (row !== undefined) return row;
    throw new InputError(`Expected rows among ${known.join(', ')}, got "${part}" in --rows ${text}.`);
  });
}

function parseOptions(): { readonly json: boolean; readonly rows?: string } {
  // `infra/bench.mjs` has answered --help and mistakes.
  return parseArgs({ options: { json: { type: 'boolean', default: false }, rows: { type: 'string' } } }).values;
}

async function main(): Promise<void> {
  const options = parseOptions();
  const wanted = parseRows(options.rows);
  const rows: BenchRow[] = [];
  for (const bench of BENCHES.filter((b) => b.rows.some((row) => wanted.includes(row)))) {
    const measure = await bench.load();
    const measured = await measure((text) => process.stderr.write(`${text}\n`));
    rows.push(...measured.filter(({ row }) => wanted.includes(row)));
  }
  rows.sort(byRow);
  const file = await keepRows(path.join(packageRoot(), 'bench'), rows);
  process.stderr.write(`kept in ${path.relative(process.cwd(), file)}\n`);
  process.stdout.write(`${options.json ? JSON.stringify(rows, null, 2) : formatTable(rows)}\n`);
  if (rows.some(({ met }) => met === false)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof AssayError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
