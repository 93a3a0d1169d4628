// `npm run prove [NAME…]`: runs the long proofs of tests/prove and keeps their output, with commit and machine, under
// tests/prove/results. Exit code 1 when one fails.
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describeCommit, describeMachine } from './machine.mjs';
import { ROOT, SetupError, isMain, main, runCommand } from './processes.mjs';
import { setUp } from './setup.mjs';

const RESULTS = path.join(ROOT, 'tests', 'prove', 'results');

/** The proofs: scripts of tests/prove with the servers that each starts. */
export const PROOFS = {
  benchmarks: {
    does: 'dictionaries of ours beside those of SAELens and dictionary_learning on the same rows; needs ASSAY_BENCH_PYTHON',
    servers: ['temporal'],
  },
  chaos: { does: 'an hour of kills, cancels, full disks and collections changes no digest', servers: ['temporal'] },
  hostile: { does: '100,000 damaged models end in a value or an error of ours', servers: [] },
  kills: { does: 'a hundred seeded kills change no digest', servers: ['temporal', 'minio'] },
  pca: { does: "the demo's dictionary beside PCA; run the demo first", servers: [] },
  recipe: { does: 'the recorded recipe of a language model, with kills', servers: [] },
  routed: {
    does: '2^21 features as 64 experts over two workers, killed and resumed, end with the digests of an undisturbed run',
    servers: ['temporal'],
  },
  size: { does: 'files of 3 GB go through the store and come back, in bounded memory', servers: [] },
  wide: { does: 'a dictionary of 2^20 features is indexed, profiled and labelled below 4 GB a child', servers: [] },
  trainings: { does: 'every kind and wiring, killed at random steps, makes the same bytes', servers: [] },
  webgpu: { does: 'webgpu computes what the CPU computes', servers: [] },
};

/** Options of single proofs; a run with one shows its output and records nothing. */
const OPTIONS = {
  '--runs=': 'kills: that many runs only',
  '--victim=': 'kills: those of one victim',
  '--cases=': 'hostile: that many cases only',
  '--from=': 'hostile: from this case on',
  '--seed=': 'hostile, chaos: other ones',
  '--minutes=': 'chaos: that long',
  '--features=': 'routed: that many',
  '--steps=': 'benchmarks: that many in each training',
  '--sparsities=': 'benchmarks: those, by commas',
  '--seeds=': 'benchmarks: those, by commas',
  '--go-on': 'recipe: go on with what is there',
};

async function prove(wanted, flags) {
  const names = wanted.length > 0 ? [...new Set(wanted)] : Object.keys(PROOFS);
  const options = Object.entries(flags).flatMap(([flag, value]) => (value === true ? [flag] : [flag, value]));
  if (options.length > 0 && names.length !== 1)
    throw new SetupError('Expected one proof beside its options, found several.');
  await setUp({ servers: [...new Set(names.flatMap((name) => PROOFS[name].servers))] });
  await mkdir(RESULTS, { recursive: true });
  const failed = [];
  for (const name of names) {
    if ((await runProof(name, options)) !== 0) failed.push(name);
  }
  console.log(failed.length === 0 ? 'all proofs hold' : `failed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
}

const SCRIPTS = path.join(ROOT, 'dist', 'tests', 'prove');

async function runProof(name, options) {
  const start = Date.now();
  const out = options.length > 0 ? null : createWriteStream(path.join(RESULTS, `${name}.txt`));
  const show = (text) => {
    process.stdout.write(text);
    out?.write(text);
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
  const code = await runCommand(process.execPath, [path.join(SCRIPTS, `${name}.js`), ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    onStart: (child) => {
      child.stdout.on('data', show);
      child.stderr.on('data', show);
    },
  });
  show(`\nexit code ${code} after ${((Date.now() - start) / 1000).toFixed(0)} s\n`);
  await new Promise((resolve) => (out ? out.end(resolve) : resolve()));
  return code;
}

if (isMain(import.meta.url)) {
  await main(
    {
      command: 'npm run prove [-- NAME…] [OPTION]',
      does: 'Runs the long proofs (all, or those named) and keeps their output in tests/prove/results.',
      names: Object.fromEntries(Object.entries(PROOFS).map(([name, { does }]) => [name, does])),
      options: OPTIONS,
    },
    prove,
  );
}
