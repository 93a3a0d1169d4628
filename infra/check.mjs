// `npm run check`: everything that a change must pass before it is shown; one line per step. Steps run two at a time.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT, isMain, main } from './processes.mjs';
import { setUp } from './setup.mjs';

const bin = (...parts) => path.join(ROOT, 'node_modules', ...parts);

/** Name, script and arguments; the longest first, so that the two lanes end together. */
const STEPS = [
  [
    'tests',
    bin('vitest', 'vitest.mjs'),
    [
      ...['run', '--reporter=dot', '--silent=passed-only'],
      ...['unit', 'mocked', 'property', 'replay'].map((project) => `--project=${project}`),
    ],
  ],
  [
    'lint',
    bin('eslint', 'bin', 'eslint.js'),
    ['--cache', '--cache-location', '.cache/eslint', '--cache-strategy', 'content', '.'],
  ],
  ['types', bin('typescript', 'bin', 'tsc'), ['--noEmit', '-p', 'tsconfig.json']],
  [
    'format',
    bin('prettier', 'bin', 'prettier.cjs'),
    ['--check', '--cache', '--cache-location', '.cache/prettier', '.'],
  ],
  [
    'layers',
    bin('dependency-cruiser', 'bin', 'dependency-cruise.mjs'),
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', '.'],
  ],
  ['dead code', bin('knip', 'bin', 'knip.js'), ['--no-progress']],
];

async function check(names) {
  const start = Date.now();
  await setUp();
  const queue = STEPS.filter(([name]) => names.length === 0 || names.includes(name));
  const failed = [];
  const lane = async () => {
    for (let step = queue.shift(); step; step = queue.shift()) {
      if (!(await runStep(step))) failed.push(step[0]);
    }
  };
  await Promise.all([lane(), lane()]);
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  console.log(failed.length === 0 ? `check: ok, ${seconds} s` : `check: ${failed.join(', ')} failed, ${seconds} s`);
  return failed.length === 0 ? 0 : 1;
}

/** Runs one step; its output is shown only when it fails. @returns whether it passed */
async function runStep([name, script, args]) {
  const start = Date.now();
  const { code, output } = await capture(script, args);
  const seconds = ((Date.now() - start) / 1000).toFixed(1).padStart(6);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(10)}${seconds} s`);
  if (code !== 0) console.log(output);
  return code === 0;
}

function capture(script, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: 1, output: error.message }));
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}

if (isMain(import.meta.url)) {
  await main(
    {
      command: 'npm run check [-- STEP…]',
      does: 'Everything that a change must pass before it is shown: all steps, or those named.',
      names: Object.fromEntries(STEPS.map(([name, script]) => [name, path.basename(script).replace(/\..*/, '')])),
    },
    check,
  );
}
