// One dictionary in training inside the compute child: its sessions, its state, its log. Takes chunks of batches, measures
// the calib split when it is due, refuses numbers that are not finite. Knows nothing of the store or of where rows come from.
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { gatherRows } from '../../core/dictionaries/gather.js';
import { ENCODE_OUTPUTS, buildEncodeGraph } from '../../core/dictionaries/encode-graph.js';
import { initialParameters } from '../../core/dictionaries/initialise.js';
import { computeCalibFvu, computeL0 } from '../../core/dictionaries/metrics.js';
import { scatterModeFor } from '../../core/dictionaries/rows.js';
import { type InputScale, targetVariance } from '../../core/dictionaries/scale.js';
import {
  checkKindSettings,
  dictionaryOptimiser,
  planSteps,
  type TrainingSteps,
} from '../../core/dictionaries/settings.js';
import { checkSites, targetWidth, totalFeatures, wiringFlags } from '../../core/dictionaries/sites.js';
import {
  type DictionaryShape,
  SINCE_FIRED,
  dictionaryTensors,
  fixedOf,
  parametersOf,
} from '../../core/dictionaries/state.js';
import { STEP_NUMBERS, buildStepGraph, rowsFeed, type StepNumber } from '../../core/dictionaries/step-graph.js';
import { stepFactors } from '../../core/optimise/optimisers/optimisers.js';
import { learningRate } from '../../core/optimise/schedule.js';
import { type StateArrays, type StateTensor, startState } from '../../core/optimise/state.js';
import { factorFeed } from '../../core/optimise/step-loop.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { Session, type TensorValue } from '../../runtime/session.js';
import { firstNotFinite, floatsOf, stateFeeds, takeState } from '../training-state.js';
import { type TrainConfig, sourcesText, sourcesOf } from './config.js';
import type { TrainingRow } from './messages.js';
import type { StoredRows } from './row-file.js';
import { withThresholds } from './set-threshold.js';

export interface TrainerParts {
  readonly config: TrainConfig['keyed'];
  /** Of the sites whose rows are fed. */
  readonly widths: readonly number[];
  /** Scale, mean and variance of each. */
  readonly inputs: readonly InputScale[];
  /** Whether there are calib rows to measure. */
  readonly measured: boolean;
  /** The state to go on from, with the steps done and the rows logged; null to begin. */
  readonly resumed: {
    readonly state: StateArrays;
    readonly step: number;
    readonly log: readonly TrainingRow[];
  } | null;
}

/** Kind and sizes of a dictionary. @throws InputError where the kind cannot have these sites or settings */
export function shapeOf(keyed: TrainConfig['keyed'], widths: readonly number[]): DictionaryShape {
  const { sae } = keyed;
  const kind = ARCHITECTURES[sae.architecture];
  const { reads, writes } = sourcesOf(keyed);
  const sites = { widths, reads, writes, ...wiringFlags(sae) };
  checkKindSettings(sae);
  checkSites(sites);
  refuseUnbuilt(sae);
  return { kind, sites, features: totalFeatures(sae.features, sites) };
}

/** Settings that this trainer would pass over, so that a dictionary would not be what it is said to be. */
function refuseUnbuilt(sae: TrainConfig['keyed']['sae']): void {
  const field = (['routed', 'slices', 'candidates', 'moments'] as const).find((name) => sae[name] !== undefined);
  if (field === undefined) return;
  throw new InputError(
    `Expected a dictionary without saes.${field}, found ${JSON.stringify(sae[field])}: this trainer cannot do it. Remove ${field}.`,
    { field },
  );
}

export class Trainer {
  readonly plan: TrainingSteps;
  readonly batchRows: number;
  readonly widths: readonly number[];
  /** By site. */
  readonly scales: readonly number[];
  readonly shape: DictionaryShape;
  readonly log: TrainingRow[];
  readonly #config: TrainConfig['keyed'];
  readonly #tensors: readonly StateTensor[];
  /** V of what is written. */
  readonly #variance: number;
  readonly #measured: boolean;
  readonly #session: Session;
  #encoder: Session | null = null;
  #state: StateArrays;
  #step: number;

  private constructor(parts: TrainerParts, session: Session) {
    const { config, widths, inputs, resumed } = parts;
    this.plan = planSteps(config.sae);
    this.batchRows = config.sae.batchRows;
    this.widths = widths;
    this.scales = inputs.map(({ scale }) => scale);
    this.shape = shapeOf(config, widths);
    this.#config = config;
    this.#tensors = dictionaryTensors(this.shape);
    this.#variance = targetVariance(this.shape.sites, inputs);
    this.#measured = parts.measured;
    this.#session = session;
    const means = inputs.map(({ mean }) => mean);
    this.#state =
      resumed?.state ??
      startState(this.#tensors, initialParameters({ ...this.shape, settings: config.sae }, config.sae.seed, means));
    this.#step = resumed?.step ?? 0;
    this.log = [...(resumed?.log ?? [])];
  }

  static async create(parts: TrainerParts): Promise<Trainer> {
    const { config, widths, inputs, measured } = parts;
    const { sae, engine } = config;
    const { batchRows, auxWeight, deadAfterTokens, betas, epsilon, clipNorm } = sae;
    const shape = shapeOf(config, widths);
    if (!measured && fixedOf(shape).length > 0) throw noCalibRows(sae.architecture);
    const graph = buildStepGraph({
      ...{ ...shape, settings: sae, batchRows, auxWeight, deadAfterTokens, clipNorm },
      kAux: planSteps(sae).kAux,
      variance: targetVariance(shape.sites, inputs),
      adam: { betas, epsilon },
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

  /** Trains on `count` batches, `rows` [count, batchRows, width] scaled, by site. @throws DataError at a number that is not finite */
  async train(rows: readonly Float32Array[], count: number): Promise<void> {
    const outputs = await this.#run(rows, count);
    const numbers = Object.fromEntries(STEP_NUMBERS.map((name) => [name, floatsOf(outputs, name)])) as Record<
      StepNumber,
      Float32Array
    >;
    const bad = firstBad(numbers, count);
    if (bad !== null) throw await this.#broken(rows, bad);
    this.#state = takeState(this.#tensors, outputs);
    for (let i = 0; i < count; i++) this.#logStep(numbers, i);
    this.#step += count;
  }

  /** Measures the calib split and logs it. */
  async measureCalib(calib: StoredRows): Promise<void> {
    const { sae, engine } = this.#config;
    const { batchRows, scales } = this;
    const graph = { ...this.shape, batchRows, settings: sae };
    this.#state = await withThresholds({ graph, engine, state: this.#state, calib, scales });
    this.#encoder ??= await Session.create(buildEncodeGraph(graph).toModelBytes(), engine);
    const sums = await this.#sumCalib(this.#encoder, calib);
    this.log.push({
      split: 'calib',
      step: this.#step,
      tokens: this.#step * batchRows,
      loss: sums.errSq / (sums.rows * this.#variance),
      fvu: finiteOrNull(computeCalibFvu(sums)),
      l0: computeL0(sums),
      deadFraction: this.#deadFraction(),
      lr: learningRate(this.plan.schedule, Math.min(this.#step, this.plan.steps - 1)),
      gradNorm: null,
    });
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    await this.#session.release();
    await this.#encoder?.release();
  }

  async #run(rows: readonly Float32Array[], count: number): Promise<Record<string, TensorValue>> {
    const { batchRows, widths, plan } = this;
    const range = { from: this.#step, count };
    const feeds = stateFeeds(this.#tensors, this.#state);
    for (const [name, data] of stepFactors(dictionaryOptimiser(this.#config.sae), plan.schedule, range))
      feeds[factorFeed(name)] = { dtype: 'float32', dims: [count], data };
    for (const [site, width] of widths.entries()) {
      const data = rows[site] as Float32Array;
      feeds[rowsFeed(site)] = { dtype: 'float32', dims: [count, batchRows, width], data };
    }
    return this.#session.run(feeds);
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
      loss: at('squares') / (this.batchRows * this.#variance) + at('sparsity') + sae.auxWeight * at('aux'),
      fvu: finiteOrNull(at('sse') / at('sst')),
      l0: at('firings') / this.batchRows,
      deadFraction: at('dead') / this.shape.features,
      lr: learningRate(this.plan.schedule, step - 1),
      gradNorm: Math.sqrt(at('gradient_squares')),
    });
  }

  async #sumCalib(encoder: Session, calib: StoredRows): Promise<CalibSums> {
    const { batchRows, widths, scales, shape } = this;
    const sums = { rows: calib.rows, errSq: 0, xSq: 0, sumX: new Float64Array(targetWidth(shape.sites)), firings: 0 };
    const parameters = parametersOf(shape).map((p) => ({ ...p, type: 'float32' as const }));
    const x = widths.map((width) => new Float32Array(batchRows * width));
    for (let start = 0; start < calib.rows; start += batchRows) {
      const count = Math.min(batchRows, calib.rows - start);
      const rows = Uint32Array.from({ length: count }, (_, i) => start + i);
      const feeds = stateFeeds(parameters, this.#state);
      for (const [site, { width, act }] of calib.sites.entries()) {
        const target = x[site] as Float32Array;
        target.fill(0, count * width);
        gatherRows(act, target, { rows, width, scale: scales[site] as number });
        feeds[rowsFeed(site)] = { dtype: 'float32', dims: [batchRows, width], data: target };
      }
      const outputs = await encoder.run(feeds, [ENCODE_OUTPUTS.errSq, ENCODE_OUTPUTS.value]);
      const values = floatsOf(outputs, ENCODE_OUTPUTS.value);
      const errSq = floatsOf(outputs, ENCODE_OUTPUTS.errSq);
      for (let i = 0; i < count; i++) sums.errSq += errSq[i] as number;
      const counted = (values.length / batchRows) * count;
      for (let i = 0; i < counted; i++) if ((values[i] as number) > 0) sums.firings++;
      this.#addTargets(sums, x, count);
    }
    return sums;
  }

  /** Adds the rows of the sites written. */
  #addTargets(sums: CalibSums, x: readonly Float32Array[], count: number): void {
    let from = 0;
    for (const site of this.shape.sites.writes) {
      const width = this.widths[site] as number;
      addSums(sums, sums.sumX.subarray(from, from + width), (x[site] as Float32Array).subarray(0, count * width));
      from += width;
    }
  }

  #deadFraction(): number {
    const since = this.#state.get(SINCE_FIRED) as BigInt64Array;
    const limit = BigInt(this.#config.sae.deadAfterTokens);
    return since.reduce((dead, rows) => dead + (rows >= limit ? 1 : 0), 0) / since.length;
  }

  /** The error for a step whose numbers are not finite: repeats the chunk up to it and names the first bad tensor. */
  async #broken(rows: readonly Float32Array[], bad: number): Promise<DataError> {
    const step = this.#step + bad + 1;
    const batches = (from: number, to: number): Float32Array[] =>
      rows.map((of, site) => {
        const batch = this.batchRows * (this.widths[site] as number);
        return of.subarray(from * batch, to * batch);
      });
    const given = batches(bad, bad + 1).some((of) => of.some((value) => !Number.isFinite(value)));
    const tensor = given ? 'activations' : await this.#firstBadTensor(batches(0, bad + 1), bad + 1);
    const sources = sourcesText(this.#config);
    const { architecture, features, lr, seed } = this.#config.sae;
    const text = `Expected finite numbers in training step ${step}, found NaN or infinity in ${tensor}. The last checkpoint is kept; lower saes.lr or set saes.clipNorm, or store activations as float32. It is the dictionary of ${sources} with ${architecture}, ${features} features, lr ${lr}, seed ${seed}.`;
    return new DataError(text, { step, tensor, site: sources });
  }

  async #firstBadTensor(rows: readonly Float32Array[], count: number): Promise<string> {
    return firstNotFinite(takeState(this.#tensors, await this.#run(rows, count))) ?? 'loss';
  }
}

function noCalibRows(architecture: string): InputError {
  return new InputError(
    `Expected rows of the calib split, by which ${architecture} sets its threshold, found none. Give corpus.split a calib share, or choose topk.`,
    { architecture },
  );
}

interface CalibSums {
  rows: number;
  errSq: number;
  xSq: number;
  firings: number;
  /** Σ x of what is written, site after site. */
  readonly sumX: Float64Array;
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

function addSums(sums: { xSq: number }, sumX: Float64Array, x: Float32Array): void {
  const width = sumX.length;
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number;
    sumX[i % width] = (sumX[i % width] as number) + value;
    sums.xSq += value * value;
  }
}
