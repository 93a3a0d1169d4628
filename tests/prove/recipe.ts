// Proof: the recorded recipe of tests/fixtures/tiny-lm (1,800 steps from the recorded weights on the recorded batches), run by
// `assay model train` with SIGKILLs of the command and of its compute child on the way, ends within 0.5 % of the loss that
// PyTorch recorded on the test chapters. Prints both curves. Results stay in .cache/recipe; `--go-on` takes up what is there.
import { readFile, readdir, rm } from 'node:fs/promises';
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../runtime/package-root.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { killIfSame } from '../../runtime/child/process-identity.js';
import { DataError } from '../../schemas/errors.js';
import { openStore } from '../../storage/objects/open-store.js';
import { listAll } from '../../storage/records/record-io.js';
import { TINY_LM } from '../harness/fixtures.js';

const SEED = 'assay prove recipe';
const KILLS = 6;
const TOLERANCE = 0.005;
const POLL_MS = 1000;

const root = packageRoot();
const folder = path.join(root, '.cache', 'recipe');
const storeFolder = path.join(folder, 'store');
const cache = path.join(folder, 'cache');
const out = path.join(folder, 'models');
const config = path.join(root, 'examples', 'tiny-lm', 'recipe.yaml');

interface Row {
  readonly split: string;
  readonly step: number;
  readonly loss: number;
}

interface Reference {
  readonly validLoss: number;
  readonly training: {
    readonly steps: number;
    readonly curve: readonly {
      readonly step: number;
      readonly train: number;
      readonly valid: number;
    }[];
  };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
}

interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

function start(): Command {
  const args = ['model', 'train', config, '--store', storeFolder, '--out', out, '--json'];
  const child = spawn(process.execPath, [path.join(root, 'cli', 'assay.mjs'), ...args], {
    env: { ...process.env, ASSAY_CACHE: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => {
      resolve({ code, stdout });
    });
  });
  return { child, ended };
}

/** Steps of the newest checkpoint; 0 before the first. */
async function reachedStep(): Promise<number> {
  const store = await openStore(`file://${storeFolder}`);
  try {
    const infos = await listAll(store, 'checkpoints/');
    return Math.max(0, ...infos.map(({ key }) => Number(/(\d{12})\.json$/.exec(key)?.[1] ?? 0)));
  } finally {
    await store.close();
  }
}

/** Kills the compute child that the command recorded. */
async function killChild(): Promise<boolean> {
  const records = path.join(cache, 'training', 'children');
  for (const name of await readdir(records).catch(() => [])) {
    const text = await readFile(path.join(records, name), 'utf8').catch(() => '');
    if (text === '') continue;
    const { pid, start: began } = JSON.parse(text) as { pid: number; start: string };
    if (await killIfSame(pid, began, 'SIGKILL')) return true;
  }
  return false;
}

/** Waits for the command's end or for a checkpoint of that step; then waits a while longer, to strike between checkpoints. */
async function untilStep(command: Command, step: number, laterMs: number): Promise<Ended | null> {
  for (;;) {
    const ended = await Promise.race([command.ended, sleep(POLL_MS, null)]);
    if (ended) return ended;
    if ((await reachedStep()) < step) continue;
    return Promise.race([command.ended, sleep(laterMs, null)]);
  }
}

/** The command's last words, after kills at keyed steps: of the command itself and of its compute child in turn. */
async function trainWithKills(steps: number): Promise<{ readonly last: Ended; readonly kills: number }> {
  const random = new KeyedRandom(SEED);
  let command = start();
  let kills = 0;
  for (let i = 0; i < KILLS; i++) {
    const step = Math.floor(((i + random.nextFloat()) * steps) / KILLS);
    const ended = await untilStep(command, step, random.nextInt(20_000));
    if (ended) return { last: ended, kills };
    const victim = i % 2 === 0 ? 'command' : 'child';
    const struck = victim === 'command' ? command.child.kill('SIGKILL') : await killChild();
    process.stdout.write(
      `SIGKILL of the ${victim} after step ${await reachedStep()}: ${struck ? 'struck' : 'missed'}\n`,
    );
    if (struck) kills++;
    if (victim === 'child') continue;
    await command.ended;
    command = start();
  }
  return { last: await command.ended, kills };
}

function printCurves(reference: Reference, rows: readonly Row[]): void {
  process.stdout.write('step   train (ours, PyTorch)   calib (ours)   test (PyTorch)\n');
  for (const { step, train, valid } of reference.training.curve) {
    // PyTorch's entry at step s is the loss before update s + 1; ours are logged every ten steps.
    const near = rows.findLast((row) => row.split === 'fit' && row.step <= step + 1);
    const calib = rows.findLast((row) => row.split === 'calib' && row.step <= step + 1);
    const cells = [near?.loss, train, calib?.loss, valid].map((n) => (n === undefined ? '-' : n.toFixed(4)));
    process.stdout.write(`${String(step).padStart(4)}   ${cells.join('   ')}\n`);
  }
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({ options: { 'go-on': { type: 'boolean', default: false } } });
  if (!values['go-on']) await rm(folder, { recursive: true, force: true });
  const text = await readFile(path.join(TINY_LM, 'reference.json'), 'utf8');
  const reference = JSON.parse(text) as Reference;
  const { last, kills } = await trainWithKills(reference.training.steps);
  if (last.code !== 0) throw new DataError(`Expected the training to end with 0, found ${String(last.code)}.`);
  const { models } = JSON.parse(last.stdout) as {
    models: readonly {
      losses: { test: { loss: number; tokens: number } | null };
      digest: string;
    }[];
  };
  const test = models[0]?.losses.test;
  if (!test) throw new DataError('Expected a loss of the test split, found none.');
  const record = await readFile(path.join(out, 'tiny', 'training.json'), 'utf8');
  printCurves(reference, (JSON.parse(record) as { curve: Row[] }).curve);
  const off = Math.abs(test.loss / reference.validLoss - 1);
  const holds = off <= TOLERANCE;
  process.stdout.write(
    `${kills} kills struck; digest of the model ${models[0]?.digest ?? ''}\n` +
      `${holds ? 'holds' : 'FAILS'}  loss on the test chapters ${test.loss.toFixed(6)} over ${test.tokens} targets, PyTorch ${reference.validLoss.toFixed(6)}: ${(100 * off).toFixed(3)} % apart (at most ${100 * TOLERANCE} %)\n`,
  );
  return holds;
}

process.exitCode = (await main()) ? 0 : 1;
