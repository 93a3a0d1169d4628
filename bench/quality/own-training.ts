// Trains one topk dictionary of ours on rows that bench/peers/export_rows.py wrote, with the engine and the defaults of the train
// stage, and measures on the way what it reaches. In a process of its own: `node own-training.js TRAINING-AS-JSON`.
//
// The clock covers the training loop alone, as the peers' does (bench/peers/train_rows.py): taking a batch's rows from memory,
// scaling them, and the step. It does not cover reading of the rows, first values, scale and mean of activations, and measuring.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { gatherRows } from '../../core/dictionaries/gather.js';
import { computeFvu, squaredMean } from '../../core/dictionaries/metrics.js';
import { computeScale, type Moments } from '../../core/dictionaries/scale.js';
import { completeSettings } from '../../core/dictionaries/settings.js';
import { oneSite } from '../../core/dictionaries/sites.js';
import type { EngineParts } from '../../stages/train/engines/engine.js';
import { FastEngine } from '../../stages/train/engines/fast-engine.js';
import type { StoredRows } from '../../stages/train/row-file.js';

export interface OwnTraining {
  readonly folder: string;
  readonly split: 'calib' | 'test';
  readonly features: number;
  readonly k: number;
  readonly lr: number;
  readonly steps: number;
  readonly batchRows: number;
  readonly seed: number;
  readonly threads: number;
  /** How often FVU is measured, evenly, the end included. */
  readonly points: number;
}

export interface Point {
  readonly step: number;
  /** Of training until then. */
  readonly seconds: number;
  /** Null where numbers of the training were not finite. */
  readonly fvu: number | null;
}

/** One for each thread. */
const SLICES = 2;

/** What the settings of a run file become where they are left out. */
export function settingsOf(
  { features, k, lr, steps, batchRows, seed }: OwnTraining,
  width: number,
): EngineParts['sae'] {
  return completeSettings(
    {
      ...{ architecture: 'topk', features, k, tokens: steps * batchRows, batchRows, seed, lr },
      ...{ warmupSteps: null, decayFraction: 0.2, betas: null, epsilon: 1e-8, clipNorm: null, auxK: null },
      ...{ auxWeight: 1 / 32, deadAfterTokens: null, logEverySteps: steps + 1, slices: SLICES },
    },
    width,
  );
}

/** Its curve. */
export async function trainOwn(asked: OwnTraining): Promise<Point[]> {
  const { folder, split, steps, batchRows, threads, points } = asked;
  const { width } = JSON.parse(await readFile(path.join(folder, 'rows.json'), 'utf8')) as { width: number };
  const fit = await readFloats(path.join(folder, 'fit.f32'));
  const act = await readFloats(path.join(folder, `${split}.f32`));
  const measured: StoredRows = { rows: act.length / width, sites: [{ width, act }], doc: new Uint32Array(0) };
  const order = new Uint32Array((await readFloats(path.join(folder, `order-${asked.seed}.u32`))).buffer);
  const input = computeScale(momentsOf(fit, width));
  const engine = await FastEngine.create({
    shape: { kind: ARCHITECTURES.topk, sites: oneSite(width), features: asked.features },
    sae: settingsOf(asked, width),
    engine: { provider: 'cpu', threads, optimisation: 'all', ort: '' },
    ...{ scales: [input.scale], means: [input.mean], variance: input.variance },
  });
  await engine.begin();
  const due = new Set(Array.from({ length: points }, (_, i) => Math.round((steps * (i + 1)) / points)));
  const curve: Point[] = [];
  const batch = new Float32Array(batchRows * width);
  let seconds = 0;
  for (let step = 0; step < steps; step++) {
    const begun = performance.now();
    const rows = order.subarray(step * batchRows, (step + 1) * batchRows);
    gatherRows(fit, batch, { rows, width, scale: input.scale });
    const told = await engine.train([batch], { from: step, count: 1 });
    seconds += (performance.now() - begun) / 1000;
    if (told.length === 0) {
      curve.push({ step: step + 1, seconds, fvu: null });
      break;
    }
    if (due.has(step + 1)) curve.push({ step: step + 1, seconds, fvu: await fvuOn(engine, measured) });
  }
  await engine.release();
  return curve;
}

async function fvuOn(engine: FastEngine, rows: StoredRows): Promise<number> {
  const sums = await engine.measure(rows);
  return computeFvu(sums, squaredMean(sums.sumX, sums.rows));
}

async function readFloats(file: string): Promise<Float32Array> {
  const bytes = await readFile(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function momentsOf(rows: Float32Array, width: number): Moments {
  const moments = { rows: rows.length / width, sumX: new Float64Array(width), sumSq: 0 };
  for (let at = 0; at < rows.length;)
    for (let j = 0; j < width; j++, at++) {
      const value = rows[at] as number;
      moments.sumX[j] = (moments.sumX[j] as number) + value;
      moments.sumSq += value * value;
    }
  return moments;
}
