// `npm run prove [NAME…]`: runs the long proofs of tests/prove and keeps their output, with commit and machine, under
// tests/prove/results. Exit code 1 when one fails.
import { createWriteStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describeCommit, describeMachine } from './machine.mjs';
import { ROOT, SetupError, isMain, main, runCommand } from './processes.mjs';
import { setUp } from './setup.mjs';

const SCRIPTS = path.join(ROOT, 'dist', 'tests', 'prove');
const RESULTS = path.join(ROOT, 'tests', 'prove', 'results');

async function prove(wanted) {
  await setUp({ servers: ['temporal', 'minio'] });
  const files = (await readdir(SCRIPTS).catch(() => [])).filter((file) => file.endsWith('.js'));
  const names = files.map((file) => file.replace(/\.js$/, '')).sort();
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0 || names.length === 0) {
    throw new SetupError(
      `Expected names of proofs in tests/prove (${names.join(', ') || 'none there'}), got ${unknown.join(', ') || 'none'}.`,
    );
  }
  await mkdir(RESULTS, { recursive: true });
  const failed = [];
  for (const name of wanted.length > 0 ? wanted : names) {
    if ((await runProof(name)) !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? 'all proofs hold' : `failed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
}

async function runProof(name) {
  const start = Date.now();
  const out = createWriteStream(path.join(RESULTS, `${name}.txt`));
  const show = (text) => {
    process.stdout.write(text);
    out.write(text);
  };
  const head = {
    proof: name,
    commit: await describeCommit(),
    date: new Date().toISOString(),
    ...describeMachine(),
  };
  show(
    Object.entries(head)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join('') + '\n',
  );
  const code = await runCommand(process.execPath, [path.join(SCRIPTS, `${name}.js`)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    onStart: (child) => {
      child.stdout.on('data', show);
      child.stderr.on('data', show);
    },
  });
  show(`\nexit code ${code} after ${((Date.now() - start) / 1000).toFixed(0)} s\n`);
  await new Promise((resolve) => out.end(resolve));
  return code;
}

if (isMain(import.meta.url)) await main(prove);
