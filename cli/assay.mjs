#!/usr/bin/env node
// The `assay` command: starts the compiled program. No logic lives here.
import { existsSync } from 'node:fs';
import module from 'node:module';

// Newer releases of Node keep what they compiled for the next start.
module.enableCompileCache?.();

const program = new URL('../dist/programs/assay.js', import.meta.url);
if (existsSync(program)) {
  await import(program.href);
} else {
  process.stderr.write(
    'assay: expected the compiled program in dist/, found none. Run `npm run setup` in the project first ' +
      '(`npm run demo` and `npm test` do it too).\n',
  );
  process.exitCode = 1;
}
