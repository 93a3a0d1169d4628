// Comparison with SAELens and dictionary_learning on the same stored rows (bench/quality): FVU and ΔCE of every sparsity and seed by
// one judge, seconds to a peer's FVU. Writes bench/benchmarks.json, from which `npm run tables` makes docs/benchmarks.md; with
// options a small trial that writes nothing. Claims only what the comparison itself needs: that one judge and independent code agree.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { noPeerPython, peerPython } from '../../bench/peers/python.js';
import { type Results, compare } from '../../bench/quality/compare.js';
import { COMPARISON, type Comparison } from '../../bench/quality/settings.js';
import { packageRoot } from '../../runtime/package-root.js';

/** Relative difference between two computations of one FVU in float32. */
const TOLERANCE = 1e-4;

const { values } = parseArgs({
  options: { steps: { type: 'string' }, sparsities: { type: 'string' }, seeds: { type: 'string' } },
});
const numbers = (text: string): number[] => text.split(',').map(Number);
const of: Comparison = {
  ...COMPARISON,
  ...(values.steps && { steps: Number(values.steps) }),
  ...(values.sparsities && { sparsities: numbers(values.sparsities) }),
  ...(values.seeds && { seeds: numbers(values.seeds) }),
};

function log(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Whether FVU of what a peer saved is the same by our judge, by NumPy and by the peer. */
function checkJudge({ trainings, judged }: Results): boolean {
  const differences = judged.flatMap(({ side, k, seed, fvu }) => {
    const own = trainings.find((one) => one.side === side && one.k === k && one.seed === seed);
    if (own?.checkFvu === undefined) return [];
    return [own.checkFvu, own.fvu].map((other) => Math.abs(other - fvu.value) / fvu.value);
  });
  const largest = Math.max(...differences);
  const holds = differences.length > 0 && largest <= TOLERANCE;
  log(
    `${holds ? 'holds' : 'FAILS'}  FVU of ${differences.length / 2} dictionaries of peers is the same by our judge, by NumPy from the saved files and by the peer: largest relative difference ${largest.toExponential(1)}`,
  );
  return holds;
}

/** The dictionaries that were timed and those that `assay run` trained differ by the order of rows alone. */
function checkTimed({ trainings, judged, settings }: Results): void {
  const differences = judged.flatMap(({ side, k, seed, fvu }) => {
    const same = trainings.find((t) => t.side === side && t.k === k && t.seed === seed && t.steps === settings.steps);
    return side !== 'assay' || !same ? [] : [Math.abs(same.fvu - fvu.value) / fvu.value];
  });
  log(
    `FVU of our timed trainings against those of the run: at most ${(100 * Math.max(...differences)).toFixed(1)} % apart`,
  );
}

async function main(): Promise<boolean> {
  const python = peerPython();
  if (python === null) {
    log(`not measured: ${noPeerPython('torch, pyarrow, sae-lens and dictionary-learning')}`);
    return false;
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-benchmarks-'));
  try {
    const results = await compare({ of, python, folder, log });
    if (Object.keys(values).length === 0)
      await writeFile(path.join(packageRoot(), 'bench', 'benchmarks.json'), `${JSON.stringify(results, null, 1)}\n`);
    for (const { side, k, seed, fvu, deltaCe } of results.judged)
      log(`${side} k ${k} seed ${seed}: FVU ${fvu.value.toFixed(4)}, ΔCE ${deltaCe.value.toFixed(4)} nats`);
    checkTimed(results);
    return checkJudge(results);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (!(await main())) process.exitCode = 1;
