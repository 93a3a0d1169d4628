// `npm run demo`: set-up, a local stack, the run of examples/kjv, what it found; stops what it started, also
// on Ctrl-C. A second demo continues where the first one stopped.
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { formerStore, putStoreBack } from './former-store.mjs';
import { ROOT, SetupError, isMain, main, startOf } from './processes.mjs';
import { setUp } from './setup.mjs';
import { isStoreNote } from './told.mjs';

const RUN_FILE = path.join('examples', 'kjv', 'run.yaml');
const DATA = path.join(ROOT, 'examples', 'kjv', 'data');
const CONFIG = path.join(ROOT, '.assay', 'config.json');
const ASSAY = path.join(ROOT, 'cli', 'assay.mjs');

/**
 * What comes before the findings. What `up` says in the end is for those who go on by hand, and so is what `run` advises where a
 * terminal reads: here the demo's own end says what is next.
 */
export const STEPS = [
  { args: ['up', '--json'], stdout: 'ignore' },
  { args: ['run', RUN_FILE, '--follow'], stdout: 'pipe' },
];

/** Set on the first Ctrl-C or SIGTERM: what runs is asked to end, nothing new is started but `down`. */
let interrupted = false;
let current = null;

async function demo() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupt(signal));
  const begin = Date.now();
  await setUp({ servers: ['temporal'] });
  if (interrupted) return 130;
  const ready = Date.now();
  const before = await formerStore(CONFIG);
  await ownFolder();
  const wasUp = await isUp();
  try {
    return await upAndRun(ready);
  } finally {
    if (wasUp) console.log('Your stack was running before, and was left running; `npx assay down` stops it.');
    else await assay(['down']);
    if (await putStoreBack(CONFIG, before))
      console.log(`Commands in this folder read ${before.store} again, as before.`);
    console.log(`set-up ${seconds(ready - begin)}, demo ${seconds(Date.now() - ready)}`);
  }
}

async function upAndRun(ready) {
  for (const { args, stdout } of STEPS) {
    const code = await assay(args, { stdout });
    if (interrupted) {
      console.log('Interrupted: what is done is kept, `npm run demo` goes on from there.');
      return 130;
    }
    if (code !== 0) return code;
  }
  console.log(`run: ${seconds(Date.now() - ready)} after set-up`);
  const findings = path.join(ROOT, 'dist', 'infra', 'demo', 'findings.js');
  const { printFindings } = await import(pathToFileURL(findings).href);
  await printFindings({
    commands: { show, json: async (args) => JSON.parse(await output([...args, '--json'])) },
    run: 'kjv',
    dictionary: 'kjv-l2',
    store: pathToFileURL(DATA).href,
    print: (text) => console.log(text),
  });
  return 0;
}

/** The stack belongs to the checkout, so that one of a folder above is left alone and `npx assay` here finds the results. */
async function ownFolder() {
  if (await readFile(CONFIG, 'utf8').catch(() => null)) return;
  await mkdir(path.dirname(CONFIG), { recursive: true });
  await writeFile(CONFIG, `${JSON.stringify({ formatVersion: 1, store: pathToFileURL(DATA).href })}\n`);
}

/** Whether the checkout's stack runs already; then it is not ours to stop. */
async function isUp() {
  const file = path.join(ROOT, '.assay', 'temporal.pid.json');
  const record = await readFile(file, 'utf8').then(JSON.parse, () => null);
  return record !== null && startOf(record.pid) === record.start;
}

function interrupt(signal) {
  // A terminal sends Ctrl-C to the command as well; a signal from elsewhere reaches only this process.
  if (interrupted) current?.kill('SIGKILL');
  else if (signal !== 'SIGINT' || !process.stdin.isTTY) current?.kill('SIGINT');
  interrupted = true;
}

/**
 * Exit code of an `assay` command whose output is shown.
 * @param stdout 'pipe': as the command prints where no terminal reads
 * @param stderr 'pipe': without the store, which the run has named
 */
export function assay(args, { stdout = 'inherit', stderr = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    current = spawn(process.execPath, [ASSAY, ...args], {
      cwd: ROOT,
      stdio: ['inherit', stdout, stderr],
      // `down` has to do its work even while Ctrl-C is pressed again.
      detached: args[0] === 'down',
    });
    if (stdout === 'pipe') current.stdout.pipe(process.stdout, { end: false });
    if (stderr === 'pipe') showNotes(current.stderr);
    current.on('error', reject);
    current.on('close', (code) => {
      current = null;
      resolve(code ?? 130);
    });
  });
}

/** Shows what an `assay` command prints. @throws SetupError when it fails */
async function show(args) {
  const code = await assay(args, { stderr: 'pipe' });
  if (code !== 0) throw new SetupError(`assay ${args.join(' ')} ended with code ${code}.`);
}

/** What an `assay` command prints on stdout. @throws SetupError when it fails */
function output(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [ASSAY, ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    showNotes(child.stderr);
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      const text = Buffer.concat(chunks).toString().trimEnd();
      if (code === 0) resolve(text);
      else reject(new SetupError(`assay ${args.join(' ')} ended with code ${code}.`));
    });
  });
}

/** Shows what a command notes, but for the store. */
function showNotes(stream) {
  createInterface({ input: stream }).on('line', (line) => {
    if (!isStoreNote(line)) console.error(line);
  });
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(0)} s`;
}

if (isMain(import.meta.url)) {
  await main(
    {
      command: 'npm run demo',
      does: 'Sets up what is missing, starts a local stack, runs examples/kjv/run.yaml, shows what was found and stops the stack.',
    },
    demo,
  );
}
