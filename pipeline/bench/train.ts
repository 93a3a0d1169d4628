// Trains one dictionary on rows of a generator: the only file of the bench that knows the trainer. Rows are used in the order in
// which they are drawn, each once.
import { type InputScale, type Moments, computeScale, siteScales } from '../../core/dictionaries/scale.js';
import { type DictionaryShape, parametersOf } from '../../core/dictionaries/state.js';
import { type SiteScales, multiplyExactly, rawFactor } from '../../core/dictionaries/units.js';
import type { SyntheticSource } from '../../organisms/synthetic/source.js';
import type { StoredSettings } from '../../schemas/dictionaries.js';
import type { TrainConfig } from '../../stages/train/config.js';
import { Trainer } from '../../stages/train/trainer.js';

export interface TrainParts {
  readonly source: SyntheticSource;
  readonly sae: StoredSettings;
  readonly engine: TrainConfig['keyed']['engine'];
  /** Rows that scale, mean and variance are fitted to, and that are measured while training. */
  readonly calibRows: number;
  readonly progress: (at: { readonly step: number; readonly steps: number; readonly fvu: number | null }) => void;
  readonly signal: AbortSignal;
}

export interface TrainedDictionary {
  readonly shape: DictionaryShape;
  /** In units of the rows. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly steps: number;
  /** Of the last logged step; null where none was logged. */
  readonly deadFraction: number | null;
  /** Time spent drawing rows, and training. */
  readonly drawMs: number;
  readonly trainMs: number;
}

/**
 * SAELens and dictionary_learning clip the gradient of Σ‖e‖² / B at norm 1; our loss is that divided by V (of raw rows). It matters where few steps
 * are made: Adam remembers the large gradients of the start for a thousand of them.
 */
const CLIP = 1;
/** Wall time aimed at for one call of the trainer: how soon an interrupt is heard. */
const CHUNK_MS = 500;
const MOST_STEPS = 16;

/** @throws the signal's reason, once it is aborted; DataError where numbers are not finite */
export async function trainOnSource(parts: TrainParts): Promise<TrainedDictionary> {
  const { source, engine, calibRows } = parts;
  const width = source.directions.columns;
  const calib = (await source.draw('calib', 0, calibRows)).rows;
  const inputs = [computeScale(momentsOf(calib, width))];
  const { scale, variance } = inputs[0] as InputScale;
  const sae = { ...parts.sae, clipNorm: (CLIP * scale * scale) / variance };
  const keyed = { activationsKey: 'synthetic', site: 'synthetic', dtype: 'float32' as const, runSeed: 0, sae, engine };
  const trainer = await Trainer.create({ config: keyed, widths: [width], inputs, measured: true, resumed: null });
  try {
    const stored = { rows: calibRows, sites: [{ width, act: calib }], doc: new Uint32Array(calibRows) };
    const times = await trainAll(trainer, parts, stored);
    const weights = await readWeights(trainer, siteScales(trainer.shape.sites, inputs));
    return {
      ...{ shape: trainer.shape, steps: trainer.step, ...times, weights },
      deadFraction: trainer.log.findLast((row) => row.split === 'fit')?.deadFraction ?? null,
    };
  } finally {
    await trainer.release();
  }
}

/** Weights in units of the rows. */
async function readWeights({ shape, engine }: Trainer, scales: SiteScales): Promise<TrainedDictionary['weights']> {
  const weights = new Map<string, Float32Array>();
  for (const { name, shape: axes, unit } of parametersOf(shape)) {
    const values = new Float32Array(axes.reduce((size, axis) => size * axis, 1));
    let filled = 0;
    for await (const part of engine.read({ name, shape: axes, type: 'float32' })) {
      values.set(part as Float32Array, filled);
      filled += part.length;
    }
    weights.set(name, multiplyExactly(name, values, rawFactor(unit, scales)));
  }
  return weights;
}

type Calib = Parameters<Trainer['measureCalib']>[0];

async function trainAll(
  trainer: Trainer,
  { source, progress, signal }: TrainParts,
  calib: Calib,
): Promise<Pick<TrainedDictionary, 'drawMs' | 'trainMs'>> {
  const { batchRows, plan } = trainer;
  const times = { drawMs: 0, trainMs: 0 };
  let most = 1;
  for (;;) {
    // An interrupt is an event: it is heard only where the loop turns.
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    const started = performance.now();
    if (trainer.calibDue) await trainer.measureCalib(calib);
    if (trainer.complete) return times;
    const count = Math.min(most, trainer.stepsUntilPause);
    const { rows } = await source.draw('fit', trainer.step * batchRows, count * batchRows);
    const scale = trainer.scales[0] as number;
    for (let i = 0; i < rows.length; i++) rows[i] = (rows[i] as number) * scale;
    const drawn = performance.now();
    await trainer.train([rows], count);
    const ended = performance.now();
    times.drawMs += drawn - started;
    times.trainMs += ended - drawn;
    most = Math.max(1, Math.min(MOST_STEPS, Math.floor((CHUNK_MS * count) / (ended - started))));
    progress({ step: trainer.step, steps: plan.steps, fvu: trainer.log.at(-1)?.fvu ?? null });
  }
}

function momentsOf(rows: Float32Array, width: number): Moments {
  const moments = { rows: rows.length / width, sumX: new Float64Array(width), sumSq: 0 };
  for (let at = 0; at < rows.length;) {
    for (let j = 0; j < width; j++, at++) {
      const value = rows[at] as number;
      moments.sumX[j] = (moments.sumX[j] as number) + value;
      moments.sumSq += value * value;
    }
  }
  return moments;
}
