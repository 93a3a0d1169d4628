// `npm run bench [-- --json] [--rows 1,6]`: set-up, then the measurements of bench/run.ts. With --json stdout holds one
// document and nothing else.
import path from 'node:path';
import { ROOT, isMain, main, runCommand } from './processes.mjs';
import { setUp } from './setup.mjs';

if (isMain(import.meta.url)) {
  await main(async (args) => {
    if (args.includes('--json')) console.log = console.error;
    await setUp({ servers: ['temporal', 'minio'] });
    return runCommand(process.execPath, [path.join(ROOT, 'dist', 'bench', 'run.js'), ...args]);
  });
}
