// Proof: every kind of dictionary and every wiring, in one slice and in two, trained by processes that are killed at random steps and
// started again with another number of threads, makes the bytes of an undisturbed training.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CASES, STEPS } from '../crash/trainings/cases.js';
import { drawKills, makeTrainingRows, trainWithKills, type Rows } from '../crash/trainings/kill-training.js';

const SLICES = [1, 2];
const KILLS = 4;

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

/** Whether the killed training made the same bytes. */
async function prove(rows: Rows, name: string, slices: number): Promise<boolean> {
  const started = performance.now();
  const undisturbed = await trainWithKills(rows, { name, slices }, { kills: [], threads: [1] });
  const kills = drawKills(KILLS, name, String(slices));
  const killed = await trainWithKills(rows, { name, slices }, { kills, threads: [2, 1] });
  const same = JSON.stringify(killed.end) === JSON.stringify(undisturbed.end);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const [weights] = killed.end.digests;
  say(
    `${`${name}, ${slices} slice(s)`.padEnd(38)} killed after step ${killed.killedAt.join(', ').padEnd(20)} ` +
      `last from step ${String(killed.began.at(-1)).padStart(3)}: ${same ? 'same' : 'OTHER'} digests, ${weights?.slice(0, 20) ?? 'no weights'}…, ${seconds} s`,
  );
  return same && killed.killedAt.length === KILLS;
}

async function main(): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-trainings-'));
  let failed = 0;
  try {
    const rows = await makeTrainingRows(folder);
    say(`${STEPS} steps, ${KILLS} kills each, processes with 2 threads and 1 by turns\n`);
    for (const name of Object.keys(CASES))
      for (const slices of SLICES) if (!(await prove(rows, name, slices))) failed++;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  say(
    `\n${Object.keys(CASES).length * SLICES.length} trainings, ${failed} with other digests or with a kill that did not strike`,
  );
  return failed === 0;
}

process.exitCode = (await main()) ? 0 : 1;
