// Trains in a process of its own that is killed at given steps and started again, by turns with one thread and two, until the training is
// complete.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { packageRoot } from '../../../runtime/package-root.js';
import type { StoredFile } from '../../../schemas/stored.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { makeWorld } from '../../unit/stages/train/harness.js';
import { FURTHER, SHARDS, STEPS } from './cases.js';
import type { TrainingEnd, TrainingOrder } from './child.js';

const PROGRAM = path.join(packageRoot(), 'dist', 'programs', 'training-child.js');
/** Longest wait between the step and the kill: about two chunks with their checkpoints. */
const LATEST_MS = 60;

/** A store with the rows of all cases, which every training copies. */
export interface Rows {
  readonly folder: string;
  readonly segments: readonly StoredFile[];
}

export async function makeTrainingRows(folder: string): Promise<Rows> {
  const store = await openStore(path.join(folder, 'rows'));
  const { segments } = await makeWorld(folder, SHARDS, { store, further: FURTHER });
  await store.close();
  return { folder, segments };
}

/** When a process is killed. */
export interface TrainingKill {
  readonly step: number;
  readonly delayMs: number;
}

/** Kills at random steps, ascending. */
export function drawKills(count: number, ...key: readonly string[]): TrainingKill[] {
  const random = new KeyedRandom('kills of trainings', ...key);
  return Array.from({ length: count }, () => ({
    step: 20 + random.nextInt(STEPS - 120),
    delayMs: random.nextInt(LATEST_MS),
  })).sort((a, b) => a.step - b.step);
}

export interface KilledTraining {
  readonly end: TrainingEnd;
  /** Step that each process told first: where it went on, or its first chunk. */
  readonly began: readonly number[];
  /** Last step that each killed process had told. */
  readonly killedAt: readonly number[];
}

/** One training with its kills. @param threads of each process in turn */
export async function trainWithKills(
  rows: Rows,
  { name, slices }: Pick<TrainingOrder, 'name' | 'slices'>,
  { kills, threads }: { readonly kills: readonly TrainingKill[]; readonly threads: readonly number[] },
): Promise<KilledTraining> {
  if (!existsSync(PROGRAM))
    throw new Error(`Expected compiled sources, found no ${PROGRAM}; run \`npm run build\` first.`);
  const place = path.join(rows.folder, `training-${Math.random().toString(36).slice(2)}`);
  await mkdir(place);
  await cp(path.join(rows.folder, 'rows'), path.join(place, 'store'), { recursive: true });
  const [began, killedAt]: [number[], number[]] = [[], []];
  try {
    for (let start = 0; ; start++) {
      const order: TrainingOrder = {
        ...{ store: path.join(place, 'store'), spool: path.join(place, `spool-${start}`) },
        ...{ name, slices, threads: threads[start % threads.length] ?? 1, segments: rows.segments },
      };
      const process = await runProcess(order, kills[killedAt.length]);
      began.push(process.steps[0] ?? 0);
      if (process.end) return { end: process.end, began, killedAt };
      killedAt.push(process.steps.at(-1) ?? 0);
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

interface Ended {
  readonly steps: readonly number[];
  /** Null where it was killed. */
  readonly end: TrainingEnd | null;
}

async function runProcess(order: TrainingOrder, kill: TrainingKill | undefined): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const steps: number[] = [];
  let [text, stderr, armed] = ['', '', false];
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('{')) text = `${line}${text}`;
      else steps.push(Number(line.slice('step '.length)));
    }
    if (armed || !kill || (steps.at(-1) ?? 0) < kill.step) return;
    armed = true;
    void sleep(kill.delayMs).then(() => child.kill('SIGKILL'));
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (...ended) => resolve(ended)),
  );
  if (signal === 'SIGKILL') return { steps, end: null };
  if (code !== 0) throw new Error(`the training of ${order.name} ended with ${code}: ${stderr}`);
  return { steps, end: JSON.parse(text) as TrainingEnd };
}
