// `npm run bench [-- --json] [--rows 1,6]`: set-up, then the measurements of bench/run.ts. With --json stdout holds one
// document and nothing else.
import path from 'node:path';
import { ROOT, isMain, main, runCommand } from './processes.mjs';
import { setUp } from './setup.mjs';

/** The rows of the speed bars with the servers that measuring each starts. */
export const ROWS = {
  1: [],
  2: [],
  3: [],
  4: [],
  5: [],
  6: ['minio'],
  7: ['temporal', 'minio'],
  8: [],
  9: ['temporal'],
  commands: [],
  engine: [],
  routed: [],
  scale: [],
};

const USAGE = {
  command: 'npm run bench [-- --json] [--rows 1,6]',
  does: 'Measures rows of the table of speeds and keeps them in bench/, by machine. Exit code 1 where a bar is missed.',
  options: { '--json': 'one JSON document on stdout', '--rows=': `which, by commas: ${Object.keys(ROWS).join(', ')}` },
};

if (isMain(import.meta.url)) {
  await main(USAGE, async (_names, flags) => {
    if (flags['--json']) console.log = console.error;
    const rows = flags['--rows']?.split(',') ?? Object.keys(ROWS);
    const unknown = rows.filter((row) => !Object.hasOwn(ROWS, row));
    if (unknown.length > 0) {
      console.error(`Expected rows among ${Object.keys(ROWS).join(', ')}, found ${unknown.join(', ')}.`);
      return 2;
    }
    await setUp({ servers: [...new Set(rows.flatMap((row) => ROWS[row]))] });
    return runCommand(process.execPath, [path.join(ROOT, 'dist', 'bench', 'run.js'), ...process.argv.slice(2)]);
  });
}
