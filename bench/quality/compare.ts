// The comparison from its settings to its results: rows are stored by a run and exported, each side's learning rate is chosen, all sides
// are trained with the clock, one judge measures them.
import { mkdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type Machine, thisMachine } from '../keep.js';
import { runPeerScript } from '../peers/python.js';
import { type Judged, judge, runUntil, savedAt, withStack } from './judge.js';
import { type Rates, chooseRate } from './rates.js';
import { type Comparison, type Side, PEERS, SITE, runFileOf } from './settings.js';
import { type Job, type Training, trainOurs, trainPeer } from './sides.js';

export interface Results {
  readonly machine: Machine;
  readonly date: string;
  /** Processes that wanted to run before it began, mean over a minute: seconds of a loaded machine are worth little. */
  readonly loadBefore: number;
  readonly settings: Comparison;
  /** Rows of each split. */
  readonly rows: Readonly<Record<'fit' | 'calib' | 'test', number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly rates: Readonly<Record<Side, Rates>>;
  /** With the clock; of ours one for each budget that was tried. */
  readonly trainings: readonly Training[];
  readonly judged: readonly Judged[];
}

export interface Parts {
  readonly of: Comparison;
  readonly python: string;
  /** An empty folder. */
  readonly folder: string;
  readonly log: (text: string) => void;
}

interface Place extends Parts {
  /** Folder of the exported rows. */
  readonly rows: string;
}

export async function compare(parts: Parts): Promise<Results> {
  const { of, folder, log } = parts;
  const place = { ...parts, rows: path.join(folder, 'rows') };
  const loadBefore = os.loadavg()[0] ?? 0;
  log(`load of the machine before: ${loadBefore.toFixed(2)}`);
  await mkdir(place.rows, { recursive: true });
  await withStack(folder, () => runUntil(folder, runFileOf('rows', []) as { name: string }, 'activations'));
  const rows = await exportRows(place);
  log(`rows: ${rows.fit} to train on, ${rows.calib} to choose on, ${rows.test} to measure on`);
  const rates = await chooseRates(place);
  const { trainings, versions } = await trainAll(place, rates);
  const judged = await withStack(folder, () => judge({ folder, of, lr: rates.assay.chosen, log }));
  return {
    ...{ machine: thisMachine(), date: new Date().toISOString(), loadBefore, settings: of },
    ...{ rows, versions, rates, trainings, judged },
  };
}

/** Files of rows, and an order of them for each seed, long enough for the largest budget. */
function exportRows({ of, python, folder, rows }: Place): Promise<Results['rows']> {
  const steps = Math.ceil(of.steps * Math.max(...of.budgets));
  const seeds = [of.chosenAt.seed, ...of.seeds].join(',');
  const options = ['--steps', String(steps), '--batch', String(of.batchRows), '--seeds', seeds];
  return runPeerScript(python, 'export_rows.py', [path.join(folder, 'data'), 'rows', SITE, rows, ...options]);
}

async function chooseRates(place: Place): Promise<Results['rates']> {
  const { of, log } = place;
  const jobs = (rates: readonly number[]): Job[] => rates.map((lr) => ({ ...of.chosenAt, lr, split: 'calib' }));
  const found: [Side, Rates][] = [];
  for (const side of ['assay', ...PEERS] as const) {
    const rates = await chooseRate(of.rates, async (some) => {
      const trained =
        side === 'assay'
          ? await inTurn(jobs(some), (job) => trainOurs(job, place))
          : (await trainPeer(side, jobs(some), place)).trainings;
      return trained.map(({ fvu }) => fvu);
    });
    log(`${side}: ${rates.tried.map(({ lr, fvu }) => `lr ${lr} FVU ${fvu.toFixed(4)}`).join(', ')}`);
    found.push([side, rates]);
  }
  return Object.fromEntries(found) as Results['rates'];
}

/** Seed by seed, all sides of one after the other, so that a machine that gets slower does so for all. */
async function trainAll(place: Place, rates: Results['rates']): Promise<Pick<Results, 'trainings' | 'versions'>> {
  const { of, folder, log } = place;
  const trainings: Training[] = [];
  let versions: Results['versions'] = {};
  for (const seed of of.seeds) {
    const peers: Training[] = [];
    for (const peer of PEERS) {
      const { chosen: lr } = rates[peer];
      const jobs = of.sparsities.map((k): Job => ({
        k,
        seed,
        lr,
        split: 'test',
        save: savedAt(folder, { side: peer, k, seed }),
      }));
      const found = await trainPeer(peer, jobs, place);
      peers.push(...found.trainings);
      versions = { ...versions, ...found.versions };
    }
    const own: Training[] = [];
    for (const k of of.sparsities) {
      const aims = peers.filter((one) => one.k === k).map(({ fvu }) => fvu);
      const job: Job = { k, seed, lr: rates.assay.chosen, split: 'test' };
      own.push(...(await trainUntil(Math.min(...aims), of.budgets, (share) => trainOurs(job, { ...place, share }))));
    }
    for (const one of [...peers, ...own]) log(told(one));
    trainings.push(...peers, ...own);
  }
  return { trainings, versions };
}

/** Ours with growing budgets, until one reaches the aim and the peers' budget was among them. @param train of a share of it */
export async function trainUntil(
  aim: number,
  budgets: readonly number[],
  train: (share: number) => Promise<Training>,
): Promise<Training[]> {
  const trainings: Training[] = [];
  for (const share of [...budgets].sort((a, b) => a - b)) {
    if (share > 1 && trainings.some(({ fvu }) => fvu <= aim)) break;
    trainings.push(await train(share));
  }
  return trainings;
}

function told({ side, k, seed, steps, seconds, fvu }: Training): string {
  return `${side} k ${k} seed ${seed}: ${steps} steps in ${seconds.toFixed(1)} s, FVU ${fvu.toFixed(4)}`;
}

async function inTurn<A, B>(items: readonly A[], work: (item: A) => Promise<B>): Promise<B[]> {
  const found: B[] = [];
  for (const item of items) found.push(await work(item));
  return found;
}
