// `npm run tables`: writes the table of operators into docs/engine.md from the operators and rules themselves.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, SetupError, isMain, main } from './processes.mjs';
import { setUp } from './setup.mjs';

const MARKS = ['<!-- operators: written by `npm run tables` -->', '<!-- end of operators -->'];

/** The page with the table between its marks. */
export function withTable(page, table) {
  const [from, to] = MARKS.map((mark) => page.indexOf(mark));
  if (from < 0 || to < from) throw new SetupError(`Expected the marks ${MARKS.join(' and ')} in docs/engine.md.`);
  return `${page.slice(0, from + MARKS[0].length)}\n\n${table}\n\n${page.slice(to)}`;
}

if (isMain(import.meta.url)) {
  const does = 'Writes the table of operators into docs/engine.md.';
  await main({ command: 'npm run tables', does }, async () => {
    await setUp();
    const module = path.join(ROOT, 'dist', 'core', 'autodiff', 'support-table.js');
    const { operatorTable } = await import(pathToFileURL(module).href);
    const file = path.join(ROOT, 'docs', 'engine.md');
    await writeFile(file, withTable(await readFile(file, 'utf8'), operatorTable()));
  });
}
