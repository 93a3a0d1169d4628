// `npm run tables`: writes what pages quote anew: the table of operators in docs/engine.md from the operators and rules themselves,
// outputs of commands in README.md from the store of the demo, and its table of speeds from the last kept measurements.
import { execFile } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ROOT, SetupError, isMain, main } from './processes.mjs';
import { setUp } from './setup.mjs';

const END = '<!-- end of what `npm run tables` writes -->';
const MARK = /<!-- written by `npm run tables`: (.+?) -->\n/g;
const PAGES = ['README.md', 'docs/engine.md'];
const DEMO_STORE = path.join(ROOT, 'examples', 'kjv', 'data');

/** What a page says is written, in its order: `operators`, `speeds`, or a command that begins with `assay`. */
export function marksOf(page) {
  return [...page.matchAll(MARK)].map(([, name]) => name);
}

/**
 * The page with new text after each of its marks.
 * @param texts by the name in the mark
 * @throws SetupError where a mark has no end or no text
 */
export function rewrite(page, texts) {
  let done = '';
  let rest = page;
  for (const [mark, name] of page.matchAll(MARK)) {
    const from = rest.indexOf(mark) + mark.length;
    const to = rest.indexOf(END, from);
    if (to < 0) throw new SetupError(`Expected ${END} after the mark of "${name}", found none.`);
    const text = texts.get(name);
    if (text === undefined) throw new SetupError(`Expected a text for the mark "${name}", found none.`);
    done += `${rest.slice(0, from)}\n${text}\n\n${END}`;
    rest = rest.slice(to + END.length);
  }
  return done + rest;
}

/** The words of a command line; those in double quotes are one. */
export function wordsOf(command) {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word);
}

/** Measurements of all machines as one table, by row. @param kept contents of bench/results*.json */
export function speedsTable(kept) {
  const cell = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));
  const verdict = { true: '', false: ' **missed**', null: '' };
  const place = ({ row }) => (typeof row === 'number' ? row : Infinity);
  const lines = kept
    .flatMap(({ machine, rows }) => rows.map((row) => ({ ...row, machine })))
    .sort((a, b) => place(a) - place(b))
    .map(
      ({ row, what, value, must, met, machine }) =>
        `| ${row} | ${what} | ${cell(value)}${verdict[String(met)]} | ${must ?? ''} | ${machine.cores} × ${machine.cpu} |`,
    );
  return ['| row | what | value | must | on |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

async function keptSpeeds() {
  const folder = path.join(ROOT, 'bench');
  const names = (await readdir(folder)).filter((name) => /^results.*\.json$/.test(name)).sort();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(path.join(folder, name), 'utf8'))));
}

/** What a command prints over the demo's store, as a block. */
async function outputOf(command) {
  const [, ...args] = wordsOf(command);
  const entry = path.join(ROOT, 'cli', 'assay.mjs');
  const environment = { ...process.env, ASSAY_STORE: pathToFileURL(DEMO_STORE).href };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [entry, ...args], { cwd: ROOT, env: environment });
    return `\`\`\`\n$ npx ${command}\n${stdout.trimEnd()}\n\`\`\``;
  } catch (error) {
    throw new SetupError(
      `Expected \`${command}\` to print what README.md quotes, it failed: ${String(error.stderr ?? error).trim()} Run \`npm run demo\` first.`,
    );
  }
}

async function textOf(name) {
  if (name === 'operators') {
    const module = path.join(ROOT, 'dist', 'core', 'autodiff', 'support-table.js');
    return (await import(pathToFileURL(module).href)).operatorTable();
  }
  if (name === 'speeds') return speedsTable(await keptSpeeds());
  return outputOf(name);
}

if (isMain(import.meta.url)) {
  const does = 'Writes quoted outputs and tables into README.md and docs/engine.md; the demo must have run.';
  await main({ command: 'npm run tables', does }, async () => {
    await setUp();
    const prettier = await import('prettier');
    for (const name of PAGES) {
      const file = path.join(ROOT, name);
      const page = await readFile(file, 'utf8');
      const texts = new Map();
      for (const mark of marksOf(page)) texts.set(mark, await textOf(mark));
      const format = { parser: 'markdown', ...(await prettier.resolveConfig(file)) };
      await writeFile(file, await prettier.format(rewrite(page, texts), format));
    }
  });
}
