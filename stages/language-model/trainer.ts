// One language model in training inside the compute child: its state, the step graph's session, the log. Holds no files.
import { modelParameters } from '../../core/language-model/architectures.js';
import type { OptimiserSettings } from '../../core/optimise/optimisers/optimiser.js';
import { stepFactors } from '../../core/optimise/optimisers/optimisers.js';
import { learningRate, type Schedule } from '../../core/optimise/schedule.js';
import { modelTensors } from '../../core/language-model/state.js';
import { type StateArrays, type StateTensor } from '../../core/optimise/state.js';
import { factorFeed } from '../../core/optimise/step-loop.js';
import { TRAINING_FEEDS, TRAINING_NUMBERS, type TrainingGraphSettings } from '../../core/language-model/step-graph.js';
import type { Session, TensorValue } from '../../runtime/session.js';
import { DataError } from '../../schemas/errors.js';
import type { LanguageModelConfig } from './config.js';
import { firstNotFinite, floatsOf, stateFeeds, takeState } from '../training-state.js';
import type { LossRow } from './messages.js';

type Keyed = LanguageModelConfig['keyed'];

export interface TrainerParts {
  readonly config: Keyed;
  readonly state: StateArrays;
  readonly step: number;
  readonly log: readonly LossRow[];
}

/** The batches of some steps. */
export interface Batches {
  /** [count, batch, contextTokens + 1] */
  readonly tokens: Int32Array;
  /** [count, batch, contextTokens]; null: all 1. */
  readonly weights: Float32Array | null;
  readonly count: number;
}

/** What the step graph of a training is made of: trainings of equal settings share its session. @param weighted whether steps come with loss weights */
export function trainingGraph({ model: spec, training, engine }: Keyed, weighted: boolean): TrainingGraphSettings {
  const { batch, microBatches, clipNorm } = training;
  return {
    ...{ spec, batch, context: spec.contextTokens, microBatches, clipNorm, weighted },
    ...{ optimiser: optimiserOf(training), kernels: kernelsOf(engine) },
  };
}

export class LanguageModelTrainer {
  readonly log: LossRow[];
  readonly #config: Keyed;
  readonly #session: Session;
  #state: StateArrays;
  #step: number;
  #lastLoss = NaN;

  /** @param session over the graph of `trainingGraph` for this configuration; not released here */
  constructor(parts: TrainerParts, session: Session) {
    this.log = [...parts.log];
    this.#config = parts.config;
    this.#session = session;
    this.#state = parts.state;
    this.#step = parts.step;
  }

  get step(): number {
    return this.#step;
  }

  get state(): StateArrays {
    return this.#state;
  }

  /** Loss of the last step of this call; NaN before. */
  get lastLoss(): number {
    return this.#lastLoss;
  }

  get complete(): boolean {
    return this.#step >= this.#config.training.steps;
  }

  /** Target tokens trained on. */
  get tokens(): number {
    const { model, training } = this.#config;
    return this.#step * training.batch * model.contextTokens;
  }

  /** Steps until the calib split is measured next, or the training ends: a chunk must not go beyond. */
  get stepsUntilPause(): number {
    const { steps, validateEverySteps: every } = this.#config.training;
    return Math.min(steps, (Math.floor(this.#step / every) + 1) * every) - this.#step;
  }

  /** Whether a split is to be measured at the present step and is not yet. */
  due(split: 'calib' | 'test'): boolean {
    const { validateEverySteps: every } = this.#config.training;
    const regular = split === 'calib' && this.#step > 0 && this.#step % every === 0;
    if (!regular && !this.complete) return false;
    return !this.log.some((row) => row.split === split && row.step === this.#step);
  }

  /** @throws DataError with step and tensor at a number that is not finite; the state then stays as before */
  async train(batches: Batches): Promise<void> {
    const { count } = batches;
    const outputs = await this.#session.run(this.#feeds(batches));
    const losses = floatsOf(outputs, TRAINING_NUMBERS.loss);
    const norms = floatsOf(outputs, TRAINING_NUMBERS.gradientNorm);
    this.#checkNumbers(outputs, count);
    const state = takeState(this.#tensors(), outputs);
    this.#checkState(state, this.#step + count);
    this.#state = state;
    for (let i = 0; i < count; i++) this.#logStep(losses[i] as number, norms[i] as number, i);
    this.#lastLoss = losses[count - 1] as number;
    this.#step += count;
  }

  /** Logs the loss of a whole split at the present step. */
  logSplit(split: 'calib' | 'test', loss: number): void {
    const { step, tokens } = this;
    const lr = this.#lr(Math.max(0, step - 1));
    this.log.push({ split, step, tokens, loss, lr, gradNorm: null });
  }

  /** Feeds of the parameters, without copying. */
  parameterFeeds(): Record<string, TensorValue> {
    const tensors = modelParameters(this.#config.model).map((p) => ({ ...p, type: 'float32' as const }));
    return stateFeeds(tensors, this.#state);
  }

  #feeds({ tokens, weights, count }: Batches): Record<string, TensorValue> {
    const { model, training } = this.#config;
    const { batch } = training;
    const { contextTokens: context } = model;
    const optimiser = optimiserOf(training);
    const range = { from: this.#step, count };
    const factors = [...stepFactors(optimiser, scheduleOf(training), range)].map(
      ([name, data]) => [factorFeed(name), { dtype: 'float32', dims: [count], data }] as const,
    );
    return {
      ...stateFeeds(this.#tensors(), this.#state),
      ...Object.fromEntries(factors),
      [TRAINING_FEEDS.tokens]: { dtype: 'int32', dims: [count, batch, context + 1], data: tokens },
      ...(weights && {
        [TRAINING_FEEDS.weights]: {
          dtype: 'float32',
          dims: [count, batch, context],
          data: weights,
        },
      }),
    };
  }

  #tensors(): StateTensor[] {
    return tensorsOf(this.#config);
  }

  #logStep(loss: number, gradNorm: number, i: number): void {
    const step = this.#step + i + 1;
    const { model, training } = this.#config;
    if (step % training.logEverySteps !== 0 && step !== training.steps) return;
    const tokens = step * training.batch * model.contextTokens;
    this.log.push({ split: 'fit', step, tokens, loss, lr: this.#lr(step - 1), gradNorm });
  }

  #lr(step: number): number {
    return learningRate(scheduleOf(this.#config.training), step);
  }

  /** @throws DataError for the first step whose loss or gradients are not finite */
  #checkNumbers(outputs: Record<string, TensorValue>, count: number): void {
    const losses = floatsOf(outputs, TRAINING_NUMBERS.loss);
    const squares = floatsOf(outputs, TRAINING_NUMBERS.squaredNorms);
    const parameters = modelParameters(this.#config.model);
    for (let i = 0; i < count; i++) {
      const own = squares.subarray(i * parameters.length, (i + 1) * parameters.length);
      const bad = own.findIndex((value) => !Number.isFinite(value));
      if (bad < 0 && Number.isFinite(losses[i])) continue;
      const tensor = parameters[bad]?.name;
      throw broken(this.#step + i + 1, tensor === undefined ? 'loss' : tensor, {
        what: tensor === undefined ? 'the loss' : `the gradient of "${tensor}"`,
      });
    }
  }

  /** @throws DataError where the update itself left the range of numbers */
  #checkState(state: StateArrays, step: number): void {
    const tensor = firstNotFinite(state);
    if (tensor !== null) throw broken(step, tensor, { what: `tensor "${tensor}" after the update` });
  }
}

function broken(step: number, tensor: string, { what }: { readonly what: string }): DataError {
  return new DataError(
    `Expected finite numbers in training step ${step}, found NaN or infinity in ${what}. The last good checkpoint is kept; lower training.schedule.lr, give it warmupSteps, or set training.clipNorm.`,
    { step, tensor },
  );
}

export function optimiserOf({ optimiser }: Keyed['training']): OptimiserSettings {
  const { name, ...rest } = optimiser;
  return { kind: name, ...rest };
}

/** The fused kernels are the CPU provider's. */
export function kernelsOf({ provider }: Keyed['engine']): 'standard' | 'fused' {
  return provider === 'cpu' ? 'fused' : 'standard';
}

function scheduleOf({ schedule, steps }: Keyed['training']): Schedule {
  const { decay, lr, warmupSteps, finalFraction } = schedule;
  return { kind: decay, lr, steps, warmupSteps, finalFraction };
}

/** The tensors that a model's training carries. */
export function tensorsOf({ model, training }: Keyed): StateTensor[] {
  return modelTensors(model, optimiserOf(training));
}
