// `npm run tables`: writes what pages quote anew: the table of operators in docs/engine.md from the operators and rules themselves,
// outputs of commands in README.md from the store of the demo, tables of speeds from the kept measurements.
import { execFile } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ROOT, SetupError, isMain, main } from './processes.mjs';
import { QUALITY_MARKS, stepTable } from './quality-tables.mjs';
import { setUp } from './setup.mjs';

const END = '<!-- end of what `npm run tables` writes -->';
const MARK = /<!-- written by `npm run tables`: (.+?) -->\n/g;
const PAGES = ['README.md', 'docs/engine.md', 'docs/scale.md', 'docs/benchmarks.md'];
const DEMO_STORE = path.join(ROOT, 'examples', 'kjv', 'data');

/** What a page says is written, in its order: `operators`, `speeds`, `scale`, `quality …`, or a command that begins with `assay`. */
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
    .filter(({ row }) => row !== 'scale')
    .sort((a, b) => place(a) - place(b))
    .map(
      ({ row, what, value, must, met, machine }) =>
        `| ${row} | ${what} | ${cell(value)}${verdict[String(met)]} | ${must ?? ''} | ${machine.cores} × ${machine.cpu} |`,
    );
  return ['| row | what | value | must | on |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

/** Rows named `scale` of one machine as a line for each number of features, a column for each quantity. */
export function scaleTable(kept) {
  const found = kept.filter(({ rows }) => rows.some(({ row }) => row === 'scale')).at(-1);
  if (!found)
    throw new SetupError(
      'Expected rows "scale" among bench/results*.json, found none; `npm run bench -- --rows scale`.',
    );
  const own = found.rows
    .filter(({ row }) => row === 'scale')
    .map((row) => ({ ...row, parts: row.what.split(' features: ') }));
  const columns = [...new Set(own.map(({ parts }) => parts[1]))];
  const widths = [...new Set(own.map(({ parts }) => parts[0]))];
  const cell = (value) =>
    value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
  const lines = widths.map((width) => {
    const values = columns.map((name) => own.find(({ parts }) => parts[0] === width && parts[1] === name));
    return `| ${[width, ...values.map((one) => (one ? cell(one.value) : ''))].join(' | ')} |`;
  });
  return [
    `| ${['features', ...columns].join(' | ')} |`,
    `| ${['features', ...columns].map(() => '---').join(' | ')} |`,
    ...lines,
    '',
    `${found.machine.cores} × ${found.machine.cpu}, Node ${found.machine.node}. ${own[0].conditions.split(';')[0].replace(/, \d+ slices/, '')}.`,
  ].join('\n');
}

/** Tokens that a dictionary of 16 million features took to converge (Gao et al. 2024), and how they grow with the features. */
const CONVERGED = { features: 16e6, tokens: 40e9, exponent: 0.65 };
const ROWS = 1024;

/**
 * What the measured points say of sizes and machines that were not measured:
 *   seconds per token = step / rows of the nearest measured size, in proportion to the features that a token meets
 *   tokens to converge = 40e9 (F / 16e6)^0.65
 */
export function scaleModel(kept) {
  const found = kept.filter(({ rows }) => rows.some(({ row }) => row === 'scale')).at(-1);
  const valueOf = (what) => found?.rows.find((row) => row.what === what)?.value;
  const [narrow, wide, gigabytes] = [
    valueOf('2^14 features: step, ms'),
    valueOf('2^20 features: step, ms'),
    valueOf('2^20 features: memory laid out, GB'),
  ];
  if (narrow === undefined || wide === undefined || gigabytes === undefined)
    throw new SetupError(
      'Expected rows "scale" of 2^14 and 2^20 features, found none; `npm run bench -- --rows scale`.',
    );
  const million = 2 ** 20;
  const lines = [16, 32].flatMap((millions) => {
    const features = millions * million;
    const tokens = CONVERGED.tokens * (features / CONVERGED.features) ** CONVERGED.exponent;
    const whole = (ROWS / wide) * 1000 * (million / features);
    const routed = (ROWS / narrow) * 1000;
    return [
      { what: `${millions} × 2^20 in one`, tokens, speed: whole, memory: gigabytes * millions },
      { what: `${millions} × 2^20 as ${features / 2 ** 14} experts`, tokens, speed: routed, memory: null },
    ];
  });
  const machines = [1, 8, 64];
  const time = (seconds) => {
    const days = seconds / 86_400;
    return days > 730
      ? `${Math.round(days / 365).toLocaleString('en')} years`
      : `${days < 10 ? days.toFixed(1) : Math.round(days)} days`;
  };
  const head = ['features', 'tokens to converge', 'memory', ...machines.map((n) => `tokens/s, time on ${n}`)];
  const body = lines.map(({ what, tokens, speed, memory }) => [
    what,
    `${Math.round(tokens / 1e9)} · 10^9`,
    memory === null ? 'of one expert' : `${Math.round(memory)} GB in all`,
    ...machines.map((n) => `${Number((speed * n).toPrecision(2)).toLocaleString('en')}; ${time(tokens / (speed * n))}`),
  ]);
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

async function keptSpeeds() {
  const folder = path.join(ROOT, 'bench');
  const names = (await readdir(folder)).filter((name) => /^results.*\.json$/.test(name)).sort();
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(path.join(folder, name), 'utf8'))));
}

/** The comparison with peers; null before it was measured. */
async function keptBenchmarks() {
  const text = await readFile(path.join(ROOT, 'bench', 'benchmarks.json'), 'utf8').catch(() => null);
  return text === null ? null : JSON.parse(text);
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
  if (name === 'scale-model') return scaleModel(await keptSpeeds());
  if (name === 'peers-step') return stepTable(await keptSpeeds());
  if (Object.hasOwn(QUALITY_MARKS, name)) return QUALITY_MARKS[name](await keptBenchmarks());
  if (name === 'scale') return scaleTable(await keptSpeeds());
  return outputOf(name);
}

if (isMain(import.meta.url)) {
  const does =
    'Writes quoted outputs and tables into README.md, docs/engine.md, docs/scale.md and docs/benchmarks.md; the demo must have run.';
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
