// One dictionary in training inside the compute child: its engine, its log. Takes chunks of batches, measures the calib split when
// it is due, refuses numbers that are not finite. Knows nothing of the store or of where rows come from.
import { computeFvu, computeL0, squaredMean } from '../../core/dictionaries/metrics.js';
import { type InputScale, targetVariance } from '../../core/dictionaries/scale.js';
import { planSteps, type TrainingSteps } from '../../core/dictionaries/settings.js';
import { type DictionaryShape, fixedOf } from '../../core/dictionaries/state.js';
import { learningRate } from '../../core/optimise/schedule.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { type TrainConfig, sourcesText } from './config.js';
import type { StateReader, StepTold, TrainingEngine } from './engines/engine.js';
import { FastEngine } from './engines/fast-engine.js';
import { GraphEngine } from './engines/graph-engine.js';
import type { TrainingRow } from './messages.js';
import type { StoredRows } from './row-file.js';
import { shapeOf } from './shape.js';

export interface TrainerParts {
  readonly config: TrainConfig['keyed'];
  /** Of the sites whose rows are fed. */
  readonly widths: readonly number[];
  /** Scale, mean and variance of each. */
  readonly inputs: readonly InputScale[];
  /** Whether there are calib rows to measure. */
  readonly measured: boolean;
  /** Of a frozen expert: its first feature in the routed dictionary. */
  readonly firstFeature?: number;
  /** The state to go on from, with the steps done and the rows logged; null to begin. */
  readonly resumed: {
    readonly read: StateReader;
    readonly step: number;
    readonly log: readonly TrainingRow[];
  } | null;
}

export class Trainer {
  readonly plan: TrainingSteps;
  readonly batchRows: number;
  readonly widths: readonly number[];
  /** By site. */
  readonly scales: readonly number[];
  readonly shape: DictionaryShape;
  readonly log: TrainingRow[];
  readonly engine: TrainingEngine;
  readonly #config: TrainConfig['keyed'];
  /** V of what is written. */
  readonly #variance: number;
  readonly #measured: boolean;
  #step: number;

  private constructor(parts: TrainerParts, shape: DictionaryShape, engine: TrainingEngine) {
    const { config, widths, inputs, resumed } = parts;
    this.plan = planSteps(config.sae);
    this.batchRows = config.sae.batchRows;
    this.widths = widths;
    this.scales = inputs.map(({ scale }) => scale);
    this.shape = shape;
    this.engine = engine;
    this.#config = config;
    this.#variance = targetVariance(shape.sites, inputs);
    this.#measured = parts.measured;
    this.#step = resumed?.step ?? 0;
    this.log = [...(resumed?.log ?? [])];
  }

  static async create(parts: TrainerParts): Promise<Trainer> {
    const { config, widths, inputs, resumed, measured, firstFeature } = parts;
    const { sae, engine } = config;
    const shape = shapeOf(config, widths);
    refuseUnbuilt(config);
    if (!measured && fixedOf(shape).length > 0) throw noCalibRows(sae.architecture);
    const engineParts = {
      ...{ shape, sae, engine, scales: inputs.map(({ scale }) => scale), means: inputs.map(({ mean }) => mean) },
      ...{ variance: targetVariance(shape.sites, inputs), firstFeature: firstFeature ?? 0 },
    };
    const created = await (byGraph(config) ? GraphEngine : FastEngine).create(engineParts);
    await (resumed ? created.load(resumed.read) : created.begin());
    return new Trainer(parts, shape, created);
  }

  get step(): number {
    return this.#step;
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

  /** Trains on `count` batches, `rows` [count, batchRows, width] scaled, by site. @throws DataError at a number that is not finite */
  async train(rows: readonly Float32Array[], count: number): Promise<void> {
    const told = await this.engine.train(rows, { from: this.#step, count });
    if (told.length < count) throw await this.#broken(rows, told.length);
    for (const [i, numbers] of told.entries()) this.#logStep(numbers, this.#step + i + 1);
    this.#step += count;
  }

  /** Measures the calib split and logs it. */
  async measureCalib(calib: StoredRows): Promise<void> {
    const sums = await this.engine.measure(calib);
    this.log.push({
      split: 'calib',
      step: this.#step,
      tokens: this.#step * this.batchRows,
      loss: sums.errSq / (sums.rows * this.#variance),
      fvu: finiteOrNull(computeFvu(sums, squaredMean(sums.sumX, sums.rows))),
      l0: computeL0(sums),
      deadFraction: (await this.engine.countDead(this.#step)) / this.shape.features,
      lr: learningRate(this.plan.schedule, Math.min(this.#step, this.plan.steps - 1)),
      gradNorm: null,
    });
  }

  /** Frees the engine. */
  release(): Promise<void> {
    return this.engine.release();
  }

  #logStep({ loss, fvu, l0, dead, gradNorm }: StepTold, step: number): void {
    const { sae } = this.#config;
    if (step % sae.logEverySteps !== 0 && step !== this.plan.steps) return;
    this.log.push({
      ...{ split: 'fit', step, tokens: step * this.batchRows, loss, fvu, l0, gradNorm },
      deadFraction: dead / this.shape.features,
      lr: learningRate(this.plan.schedule, step - 1),
    });
  }

  /** The error for a step whose numbers are not finite; names the first bad tensor. @param bad the step within the chunk */
  async #broken(rows: readonly Float32Array[], bad: number): Promise<DataError> {
    const step = this.#step + bad + 1;
    const given = rows.some((of, site) => {
      const batch = this.batchRows * (this.widths[site] as number);
      return of.subarray(bad * batch, (bad + 1) * batch).some((value) => !Number.isFinite(value));
    });
    const tensor = given ? 'activations' : await this.#firstBadTensor();
    const sources = sourcesText(this.#config);
    const { architecture, features, lr, seed } = this.#config.sae;
    const text = `Expected finite numbers in training step ${step}, found NaN or infinity in ${tensor}. The last checkpoint is kept; lower saes.lr or set saes.clipNorm, or store activations as float32. It is the dictionary of ${sources} with ${architecture}, ${features} features, lr ${lr}, seed ${seed}.`;
    return new DataError(text, { step, tensor, site: sources });
  }

  async #firstBadTensor(): Promise<string> {
    for (const tensor of this.engine.tensors)
      for await (const values of this.engine.read(tensor))
        if (values instanceof Float32Array && values.some((value) => !Number.isFinite(value))) return tensor.name;
    return 'loss';
  }
}

/** The fast step is for processors, and has no learned router. */
function byGraph({ sae, engine }: TrainConfig['keyed']): boolean {
  return engine.provider !== 'cpu' || sae.routed !== undefined;
}

/** Settings that would be passed over, so that a dictionary would not be what it is said to be. */
function refuseUnbuilt(config: TrainConfig['keyed']): void {
  const { sae, engine } = config;
  if (!byGraph(config)) return;
  const field = (['candidates', 'slices', 'moments'] as const).find((name) => sae[name] !== undefined);
  if (field === undefined) return;
  const where = sae.routed ? 'with a learned router' : `on ${engine.provider}`;
  throw new InputError(
    `Expected a dictionary without saes.${field} ${where}, found ${JSON.stringify(sae[field])}: it cannot be trained so yet. Remove ${field}.`,
    { field, provider: engine.provider },
  );
}

function noCalibRows(architecture: string): InputError {
  return new InputError(
    `Expected rows of the calib split, by which ${architecture} sets its threshold, found none. Give corpus.split a calib share, or choose topk.`,
    { architecture },
  );
}

/** JSON has no NaN; a batch of one row has no variance. */
function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
