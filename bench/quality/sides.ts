// Trainings of every side on the exported rows, each in a process of its own.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../runtime/package-root.js';
import { runPeerScript } from '../peers/python.js';
import type { OwnTraining, Point } from './own-training.js';
import { type Comparison, type Peer, type Side, SITE, courseOf } from './settings.js';

export interface Training {
  readonly side: Side;
  readonly k: number;
  readonly seed: number;
  readonly lr: number;
  readonly steps: number;
  /** Of the training loop alone. */
  readonly seconds: number;
  /** At the end, as the side's own code has it; NaN where its numbers were not finite. */
  readonly fvu: number;
  /** The same of the saved files, by NumPy; of peers. */
  readonly checkFvu?: number;
  readonly curve: readonly Point[];
}

export interface Job {
  readonly k: number;
  readonly seed: number;
  readonly lr: number;
  readonly split: 'calib' | 'test';
  /** Folder for the dictionary. */
  readonly save?: string;
}

interface PeerTraining extends Pick<Training, 'seconds' | 'checkFvu' | 'curve'> {
  readonly fvu: number | null;
  readonly versions: Readonly<Record<string, string>>;
}

export interface PeerTrainings {
  readonly trainings: readonly Training[];
  readonly versions: Readonly<Record<string, string>>;
}

/** One process for all jobs: importing a peer takes as long as a training. */
export async function trainPeer(
  peer: Peer,
  jobs: readonly Job[],
  { python, rows, of }: { readonly python: string; readonly rows: string; readonly of: Comparison },
): Promise<PeerTrainings> {
  const { warmupSteps, decaySteps, deadSteps } = courseOf(of);
  const { features, steps, batchRows, points, threads } = of;
  const numbers = {
    ...{ features, steps, batch: batchRows, points, threads },
    ...{ 'warmup-steps': warmupSteps, 'decay-steps': decaySteps, 'dead-steps': deadSteps },
  };
  const options = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const all = [rows, '--peer', peer, '--site', SITE, ...options, '--jobs', JSON.stringify(jobs)];
  const found = await runPeerScript<readonly PeerTraining[]>(python, 'train_rows.py', all);
  return {
    trainings: found.map(({ versions: _, fvu, ...training }, i) => {
      const { k, seed, lr } = jobs[i] as Job;
      return { side: peer, k, seed, lr, steps, ...training, fvu: fvu ?? NaN };
    }),
    versions: found[0]?.versions ?? {},
  };
}

/** @param share of the budget */
export async function trainOurs(
  { k, seed, lr, split }: Job,
  { rows, of, share = 1 }: { readonly rows: string; readonly of: Comparison; readonly share?: number },
): Promise<Training> {
  const { features, batchRows, threads } = of;
  const steps = Math.round(of.steps * share);
  const asked: OwnTraining = { folder: rows, split, features, k, lr, steps, batchRows, seed, threads, points: 1 };
  const entry = path.join(packageRoot(), 'dist', 'bench', 'quality', 'own-main.js');
  // As a compute child is started.
  const env = { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
  const { stdout } = await promisify(execFile)(process.execPath, [entry, JSON.stringify(asked)], { env });
  const curve = JSON.parse(stdout) as readonly Point[];
  const { seconds, fvu } = curve.at(-1) as Point;
  return { side: 'assay', k, seed, lr, steps, seconds, fvu: fvu ?? NaN, curve };
}
