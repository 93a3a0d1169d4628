// One dictionary in training inside the compute child: its sessions, its state, its log. Takes chunks of batches, measures
// the calib split when it is due, refuses numbers that are not finite. Knows nothing of the store or of where rows come from.
import { gatherRows } from '../../core/dictionaries/gather.js';
import { ENCODE_OUTPUTS, ENCODE_ROWS, buildEncodeGraph } from '../../core/dictionaries/encode-graph.js';
import { initialParameters } from '../../core/dictionaries/initialise.js';
import { computeFvu, computeL0 } from '../../core/dictionaries/metrics.js';
import { scatterModeFor } from '../../core/dictionaries/rows.js';
import type { InputScale } from '../../core/dictionaries/scale.js';
import { learningRate, planTraining, stepFactors, type TrainingPlan } from '../../core/dictionaries/schedule.js';
import {
  SINCE_FIRED,
  parameterTensors,
  startState,
  stateTensors,
  type StateArrays,
  type StateSizes,
} from '../../core/dictionaries/state.js';
import {
  STEP_FEEDS,
  STEP_NUMBERS,
  buildStepGraph,
  updatedName,
  type StepNumber,
} from '../../core/dictionaries/step-graph.js';
import { DataError } from '../../schemas/errors.js';
import { Session, type TensorValue } from '../../runtime/session.js';
import type { TrainConfig } from './config.js';
import type { TrainingRow } from './messages.js';
import type { StoredRows } from './row-file.js';

export interface TrainerParts {
  readonly config: TrainConfig['keyed'];
  readonly width: number;
  readonly input: InputScale;
  /** Whether there are calib rows to measure. */
  readonly measured: boolean;
  /** The state to go on from, with the steps done and the rows logged; null to begin. */
  readonly resumed: {
    readonly state: StateArrays;
    readonly step: number;
    readonly log: readonly TrainingRow[];
  } | null;
}

export class Trainer {
  readonly plan: TrainingPlan;
  readonly batchRows: number;
  readonly width: number;
  readonly scale: number;
  readonly sizes: StateSizes;
  readonly log: TrainingRow[];
  readonly #config: TrainConfig['keyed'];
  readonly #input: InputScale;
  readonly #measured: boolean;
  readonly #session: Session;
  #encoder: Session | null = null;
  #state: StateArrays;
  #step: number;

  private constructor(parts: TrainerParts, session: Session) {
    const { config, width, input, resumed } = parts;
    this.plan = planTraining(config.sae, width);
    this.batchRows = config.sae.batchRows;
    this.width = width;
    this.scale = input.scale;
    this.sizes = { architecture: config.sae.architecture, width, features: config.sae.features };
    this.#config = config;
    this.#input = input;
    this.#measured = parts.measured;
    this.#session = session;
    this.#state = resumed?.state ?? startState(this.sizes, initialParameters(this.sizes, config.sae.seed, input.mean));
    this.#step = resumed?.step ?? 0;
    this.log = [...(resumed?.log ?? [])];
  }

  static async create(parts: TrainerParts): Promise<Trainer> {
    const { config, width, input } = parts;
    const { sae, engine } = config;
    const plan = planTraining(sae, width);
    const graph = buildStepGraph({
      architecture: sae.architecture,
      width,
      features: sae.features,
      batchRows: sae.batchRows,
      k: sae.k,
      kAux: plan.kAux,
      auxWeight: sae.auxWeight,
      deadAfterTokens: plan.deadAfterTokens,
      variance: input.variance,
      adam: { betas: sae.betas, epsilon: sae.epsilon, clipNorm: sae.clipNorm },
      scatter: scatterModeFor(engine),
    });
    return new Trainer(parts, await Session.create(graph.toModelBytes(), engine));
  }

  get step(): number {
    return this.#step;
  }

  get state(): StateArrays {
    return this.#state;
  }

  get complete(): boolean {
    return this.#step >= this.plan.steps;
  }

  /** Steps until the calib split is measured next, or the training ends: a chunk must not go beyond. */
  get stepsUntilPause(): number {
    const next = this.plan.calibSteps.find((step) => step > this.#step) ?? this.plan.steps;
    return next - this.#step;
  }

  /** Whether the calib split is to be measured at the present step. */
  get calibDue(): boolean {
    return (
      this.#measured &&
      this.plan.calibSteps.includes(this.#step) &&
      !this.log.some((row) => row.split === 'calib' && row.step === this.#step)
    );
  }

  /** Trains on `count` batches, `rows` [count, batchRows, width] scaled. @throws DataError at a number that is not finite */
  async train(rows: Float32Array, count: number): Promise<void> {
    const outputs = await this.#run(rows, count);
    const numbers = Object.fromEntries(STEP_NUMBERS.map((name) => [name, floats(outputs, name)])) as Record<
      StepNumber,
      Float32Array
    >;
    const bad = firstBad(numbers, count);
    if (bad !== null) throw await this.#broken(rows, bad);
    this.#state = this.#takeState(outputs);
    for (let i = 0; i < count; i++) this.#logStep(numbers, i);
    this.#step += count;
  }

  /** Measures the calib split and logs it. */
  async measureCalib(calib: StoredRows): Promise<void> {
    const { sae, engine } = this.#config;
    this.#encoder ??= await Session.create(
      buildEncodeGraph({ ...this.sizes, batchRows: this.batchRows, k: sae.k }).toModelBytes(),
      engine,
    );
    const sums = await this.#sumCalib(this.#encoder, calib);
    const { batchRows } = this;
    this.log.push({
      split: 'calib',
      step: this.#step,
      tokens: this.#step * batchRows,
      loss: sums.errSq / (sums.rows * this.#input.variance),
      fvu: finiteOrNull(computeFvu(sums)),
      l0: computeL0(sums),
      deadFraction: this.#deadFraction(),
      lr: learningRate(this.plan, Math.min(this.#step, this.plan.steps - 1)),
      gradNorm: null,
    });
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    await this.#session.release();
    await this.#encoder?.release();
  }

  async #run(rows: Float32Array, count: number): Promise<Record<string, TensorValue>> {
    const { betas } = this.#config.sae;
    const { rate, correction } = stepFactors(this.plan, betas, { from: this.#step, count });
    return this.#session.run({
      ...stateFeeds(this.sizes, this.#state),
      [STEP_FEEDS.rows]: {
        dtype: 'float32',
        dims: [count, this.batchRows, this.width],
        data: rows,
      },
      [STEP_FEEDS.rate]: { dtype: 'float32', dims: [count], data: rate },
      [STEP_FEEDS.correction]: { dtype: 'float32', dims: [count], data: correction },
    });
  }

  #takeState(outputs: Record<string, TensorValue>): StateArrays {
    const entries = stateTensors(this.sizes).map(
      ({ name }) => [name, outputs[updatedName(name)]?.data as Float32Array | BigInt64Array] as const,
    );
    return new Map(entries);
  }

  #logStep(numbers: Record<StepNumber, Float32Array>, i: number): void {
    const step = this.#step + i + 1;
    const { sae } = this.#config;
    if (step % sae.logEverySteps !== 0 && step !== this.plan.steps) return;
    const at = (name: StepNumber): number => numbers[name][i] as number;
    this.log.push({
      split: 'fit',
      step,
      tokens: step * this.batchRows,
      loss: at('sse') / (this.batchRows * this.#input.variance) + at('sparsity') + sae.auxWeight * at('aux'),
      fvu: finiteOrNull(at('sse') / at('sst')),
      l0: at('firings') / this.batchRows,
      deadFraction: at('dead') / sae.features,
      lr: learningRate(this.plan, step - 1),
      gradNorm: Math.sqrt(at('gradient_squares')),
    });
  }

  async #sumCalib(
    encoder: Session,
    calib: StoredRows,
  ): Promise<{ rows: number; errSq: number; xSq: number; sumX: Float64Array; firings: number }> {
    const { batchRows, width, scale } = this;
    const sums = { rows: calib.rows, errSq: 0, xSq: 0, sumX: new Float64Array(width), firings: 0 };
    const x = new Float32Array(batchRows * width);
    for (let start = 0; start < calib.rows; start += batchRows) {
      const count = Math.min(batchRows, calib.rows - start);
      const rows = Uint32Array.from({ length: count }, (_, i) => start + i);
      x.fill(0, count * width);
      gatherRows(calib.act, x, { rows, width, scale });
      const feeds = {
        ...parameterFeeds(this.sizes, this.#state),
        [ENCODE_ROWS]: { dtype: 'float32', dims: [batchRows, width], data: x },
      } as const;
      const outputs = await encoder.run(feeds, [ENCODE_OUTPUTS.errSq, ENCODE_OUTPUTS.value]);
      const values = floats(outputs, ENCODE_OUTPUTS.value);
      const errSq = floats(outputs, ENCODE_OUTPUTS.errSq);
      for (let i = 0; i < count; i++) sums.errSq += errSq[i] as number;
      const counted = (values.length / batchRows) * count;
      for (let i = 0; i < counted; i++) if ((values[i] as number) > 0) sums.firings++;
      addSums(sums, x.subarray(0, count * width));
    }
    return sums;
  }

  #deadFraction(): number {
    const since = this.#state.get(SINCE_FIRED) as BigInt64Array;
    const limit = BigInt(this.plan.deadAfterTokens);
    return since.reduce((dead, rows) => dead + (rows >= limit ? 1 : 0), 0) / since.length;
  }

  /** The error for a step whose numbers are not finite: repeats the chunk up to it and names the first bad tensor. */
  async #broken(rows: Float32Array, bad: number): Promise<DataError> {
    const batch = this.batchRows * this.width;
    const step = this.#step + bad + 1;
    const tensor = rows.subarray(bad * batch, (bad + 1) * batch).some((value) => !Number.isFinite(value))
      ? 'activations'
      : await this.#firstBadTensor(rows.subarray(0, (bad + 1) * batch), bad + 1);
    const text = `Expected finite numbers in training step ${step}, found NaN or infinity in ${tensor}. The last checkpoint is kept; lower saes.lr or set saes.clipNorm, or store activations as float32.`;
    return new DataError(text, { step, tensor, site: this.#config.site });
  }

  async #firstBadTensor(rows: Float32Array, count: number): Promise<string> {
    const state = this.#takeState(await this.#run(rows, count));
    for (const [name, values] of state) {
      if (values instanceof Float32Array && values.some((value) => !Number.isFinite(value))) return name;
    }
    return 'loss';
  }
}

/** Feeds of all state tensors, without copying. */
function stateFeeds(sizes: StateSizes, state: StateArrays): Record<string, TensorValue> {
  return Object.fromEntries(
    stateTensors(sizes).map((t) => [t.name, { dtype: t.type, dims: t.shape, data: state.get(t.name) } as TensorValue]),
  );
}

/** Feeds of the parameters, without copying. */
function parameterFeeds(sizes: StateSizes, state: StateArrays): Record<string, TensorValue> {
  return Object.fromEntries(
    parameterTensors(sizes).map((t) => [
      t.name,
      { dtype: t.type, dims: t.shape, data: state.get(t.name) } as TensorValue,
    ]),
  );
}

function floats(outputs: Record<string, TensorValue>, name: string): Float32Array {
  return outputs[name]?.data as Float32Array;
}

/** JSON has no NaN; a batch of one row has no variance. */
function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** The first step of a chunk with a number that is not finite. */
function firstBad(numbers: Record<StepNumber, Float32Array>, count: number): number | null {
  for (let i = 0; i < count; i++) if (STEP_NUMBERS.some((name) => !Number.isFinite(numbers[name][i]))) return i;
  return null;
}

function addSums(sums: { xSq: number; readonly sumX: Float64Array }, x: Float32Array): void {
  const { sumX } = sums;
  const width = sumX.length;
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number;
    sumX[i % width] = (sumX[i % width] as number) + value;
    sums.xSq += value * value;
  }
}
