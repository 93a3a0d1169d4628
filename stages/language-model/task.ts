// Trains one language model inside the compute child: cuts batches from the local stream, runs steps in chunks of about a
// second, measures the splits, hands checkpoints to the worker while it goes on, and writes the outputs at the end.
import { availableParallelism } from 'node:os';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { contextOffsets, contextsPerEpoch } from '../../core/order/context-order.js';
import { modelParameters } from '../../core/language-model/architectures.js';
import { buildEvaluationGraph } from '../../core/language-model/evaluate-graph.js';
import { initialParameters } from '../../core/language-model/initialise.js';
import { startModelState } from '../../core/language-model/state.js';
import { buildTrainingGraph } from '../../core/language-model/step-graph.js';
import { type StateArrays, sizeOf } from '../../core/optimise/state.js';
import { digestOf } from '../../core/identity/digest.js';
import { cpuClass } from '../../runtime/devices.js';
import { ORT_VERSION, Session } from '../../runtime/session.js';
import { SessionCache } from '../../runtime/session-cache.js';
import type { ChildContext, ChildTask } from '../../runtime/child/protocol.js';
import { DataError } from '../../schemas/errors.js';
import { ChunkSteps } from '../training-chunks.js';
import { readState, writeState } from '../training-state.js';
import { BatchReader } from './batch-reader.js';
import { Evaluator, evaluationGraph } from './evaluate.js';
import { checkOffsets, readBatches, readWeights } from './given-files.js';
import {
  LANGUAGE_MODEL_TASK,
  type Checkpoint,
  type LanguageModelAsks,
  type LanguageModelProgress,
  type LanguageModelRequest,
  type LanguageModelResponse,
  type SplitLoss,
} from './messages.js';
import { writeModelOutputs } from './model-files.js';
import { TokenStream, type StreamFile } from './token-stream.js';
import { LanguageModelTrainer, optimiserOf, tensorsOf, trainingGraph } from './trainer.js';

/** Wall time aimed at for one chunk of steps: how soon a stop is obeyed. Longer where the state is large, because every chunk copies it. */
const CHUNK_MS = { least: 1000, most: 4000, perStateByte: 2e-5 };
/** Most steps of one chunk: bounds what is fed at once. */
const CHUNK_STEPS = 1024;

const MEASURED = ['calib', 'test'] as const;

/** Sessions hold no weights, so models of equal sizes and settings, one after the other, share them. */
const trainings = new SessionCache<Session>(1);
const evaluations = new SessionCache<Session>(1);

async function train(request: LanguageModelRequest, context: ChildContext): Promise<LanguageModelResponse> {
  await mkdir(request.spool, { recursive: true });
  const { config, streams } = request;
  const { engine } = config;
  const forTraining = trainingGraph(config, streams.training.weights !== null);
  const forEvaluation = evaluationGraph(config);
  return trainings.use(
    digestOf({ ...forTraining, engine }),
    () =>
      Session.create(buildTrainingGraph(forTraining).toModelBytes(), {
        ...engine,
        spinning: ownsAllCores(engine.threads),
      }),
    (training) =>
      evaluations.use(
        digestOf({ ...forEvaluation, engine }),
        () => Session.create(buildEvaluationGraph(forEvaluation).toModelBytes(), engine),
        (evaluation) => new Call(request, context, { training, evaluation }).run(),
      ),
  );
}

/** Whether a session takes the whole machine; then nobody is kept waiting by threads that spin. */
function ownsAllCores(threads: number): boolean {
  return threads > 1 && threads >= availableParallelism();
}

export const languageModelTasks: {
  readonly [LANGUAGE_MODEL_TASK]: ChildTask<LanguageModelRequest, LanguageModelResponse>;
} = { [LANGUAGE_MODEL_TASK]: train };

class Call {
  readonly #request: LanguageModelRequest;
  readonly #context: ChildContext;
  readonly #sessions: { readonly training: Session; readonly evaluation: Session };
  readonly #training: TokenStream;
  readonly #measured = new Map<'calib' | 'test', TokenStream>();
  readonly #deadline: number;
  #trainer: LanguageModelTrainer | null = null;
  #batches: BatchReader | null = null;
  /** Steps and rows of the checkpoint that is stored or on its way. */
  #saved = { step: 0, rows: 0 };
  #storing: Promise<unknown> = Promise.resolve();
  #nextCheckpoint: number;
  readonly #chunks = new ChunkSteps(1, CHUNK_STEPS);

  constructor(
    request: LanguageModelRequest,
    context: ChildContext,
    sessions: { readonly training: Session; readonly evaluation: Session },
  ) {
    this.#request = request;
    this.#context = context;
    this.#sessions = sessions;
    this.#training = new TokenStream(request.streams.training);
    this.#deadline = performance.now() + request.limitMs;
    this.#nextCheckpoint = performance.now() + request.checkpointMs;
  }

  async run(): Promise<LanguageModelResponse> {
    try {
      await this.#begin();
      return await this.#end(await this.#goOn());
    } finally {
      await this.#storing.catch(() => undefined);
      this.#training.close();
      for (const stream of this.#measured.values()) stream.close();
    }
  }

  async #begin(): Promise<void> {
    const { config, checkpoint } = this.#request;
    this.#batches = await openBatches(this.#request, this.#training);
    for (const split of MEASURED) this.#openSplit(split, this.#request.streams[split]);
    const state = checkpoint ? await readState(checkpoint.path, tensorsOf(config)) : await firstState(this.#request);
    const { step, log } = checkpoint?.state ?? { step: 0, log: [] };
    if (checkpoint) this.#saved = { step, rows: log.length };
    this.#trainer = new LanguageModelTrainer({ config, state, step, log }, this.#sessions.training);
  }

  /** Goes on until the model is finished or it is time to stop; false in the second case. */
  async #goOn(): Promise<boolean> {
    const trainer = this.#open;
    this.#progress();
    if (!(await this.#proceed())) return false;
    for (;;) {
      for (const split of MEASURED)
        if (this.#measured.has(split) && trainer.due(split) && !(await this.#measure(split))) return false;
      if (trainer.complete) return true;
      await this.#chunk();
      this.#progress();
      // The time limit is looked at after a chunk only, so that every link makes progress.
      if (performance.now() >= this.#deadline || !(await this.#proceed())) return false;
      if (performance.now() >= this.#nextCheckpoint) await this.#checkpoint();
    }
  }

  async #end(finished: boolean): Promise<LanguageModelResponse> {
    const { config, spool, key, shard } = this.#request;
    const trainer = this.#open;
    await this.#storing;
    const checkpoint = finished ? null : await this.#write();
    const output = finished
      ? {
          files: await writeModelOutputs({
            ...{ folder: spool, key, shard, config },
            ...{ state: trainer.state, log: trainer.log },
          }),
          statistics: this.#statistics(),
        }
      : null;
    const { provider, threads, optimisation } = config.engine;
    const cpu = await cpuClass();
    const engine = { ort: ORT_VERSION, provider, threads, optimisation, cpu };
    return { checkpoint, output, engine };
  }

  get #open(): LanguageModelTrainer {
    if (this.#trainer) return this.#trainer;
    throw new DataError('Expected an open training, found none.');
  }

  #openSplit(split: 'calib' | 'test', file: StreamFile | null): void {
    const { contextTokens } = this.#request.config.model;
    if (file && file.tokens > contextTokens) this.#measured.set(split, new TokenStream(file));
  }

  async #chunk(): Promise<void> {
    const trainer = this.#open;
    const count = Math.min(this.#chunks.next, trainer.stepsUntilPause);
    const batches = (this.#batches as BatchReader).read(trainer.step, count);
    const started = performance.now();
    try {
      await trainer.train(batches);
    } catch (error) {
      // What was good before this chunk is kept.
      await this.#checkpoint();
      await this.#storing;
      throw error;
    }
    this.#chunks.measured({ steps: count, ms: performance.now() - started, aimMs: chunkMs(trainer.state) });
  }

  /** Measures a split and logs it; false where it was told to stop meanwhile. */
  async #measure(split: 'calib' | 'test'): Promise<boolean> {
    const { config } = this.#request;
    const trainer = this.#open;
    const found = await new Evaluator(config, this.#sessions.evaluation).measure(
      this.#measured.get(split) as TokenStream,
      trainer.parameterFeeds(),
      { whole: trainer.complete, proceed: () => this.#proceed() },
    );
    if (found === 'stopped') return false;
    if (found === null) return true;
    trainer.logSplit(split, found.loss);
    return true;
  }

  /** Hands the present state to the worker, once the one before is stored; training goes on meanwhile. */
  async #checkpoint(): Promise<void> {
    await this.#storing;
    const written = await this.#write();
    this.#nextCheckpoint = performance.now() + this.#request.checkpointMs;
    if (written === null) return;
    this.#storing = this.#ask('checkpoint', written).finally(() => rm(written.file.path, { force: true }));
    // A failure is told at the next checkpoint or at the end.
    this.#storing.catch(() => undefined);
  }

  /** Writes the present state into the spool folder; null where it is stored already. */
  async #write(): Promise<Checkpoint | null> {
    const { config, spool } = this.#request;
    const { step, log, state } = this.#open;
    if (step === this.#saved.step && log.length === this.#saved.rows) return null;
    const file = await writeState(path.join(spool, `state-${step}.safetensors`), tensorsOf(config), state);
    this.#saved = { step, rows: log.length };
    return { file, state: { step, log: [...log] } };
  }

  async #proceed(): Promise<boolean> {
    return !this.#context.stop.aborted && (await this.#ask('proceed', null));
  }

  #progress(): void {
    const { step, tokens, lastLoss: loss } = this.#open;
    this.#context.progress({ step, tokens, loss } satisfies LanguageModelProgress);
  }

  /** What the commit says of the training: a function of configuration and data alone. */
  #statistics(): Record<string, unknown> {
    const { config } = this.#request;
    const { model, training } = config;
    const { log, step, tokens } = this.#open;
    const last = log.findLast((row) => row.split === 'fit');
    const batchTokens = training.batch * model.contextTokens;
    const lossOf = (split: 'calib' | 'test'): SplitLoss | null => {
      const row = log.findLast((r) => r.split === split);
      const stream = this.#measured.get(split);
      if (!row || !stream) return null;
      const windows = Math.floor(stream.tokens / (model.contextTokens + 1));
      return { loss: row.loss, tokens: windows * model.contextTokens };
    };
    return {
      steps: step,
      tokens,
      streamTokens: this.#training.tokens,
      epochs: tokens / Math.max(1, this.#training.tokens),
      parameters: modelParameters(model).reduce((n, { shape }) => n + sizeOf(shape), 0),
      losses: {
        fit: last ? { loss: last.loss, tokens: batchTokens } : null,
        calib: lossOf('calib'),
        test: lossOf('test'),
      },
    };
  }

  #ask<Name extends keyof LanguageModelAsks>(
    name: Name,
    request: LanguageModelAsks[Name]['request'],
  ): Promise<LanguageModelAsks[Name]['answer']> {
    return this.#context.ask(name, request);
  }
}

async function firstState(request: LanguageModelRequest): Promise<StateArrays> {
  const { model, init, training } = request.config;
  const weights = 'seed' in init ? initialParameters(model, init.seed) : await readWeights(request.init ?? '', model);
  return startModelState(model, optimiserOf(training), weights);
}

async function openBatches(
  { config, stream, batches }: LanguageModelRequest,
  training: TokenStream,
): Promise<BatchReader> {
  const { model, training: settings, data } = config;
  const { contextTokens } = model;
  const { batch, steps } = settings;
  if ('sampling' in data) {
    const order = { ...data, stream, tokens: training.tokens, contextTokens, batch };
    if (contextsPerEpoch(order) === 0)
      throw new DataError(
        `Expected a training stream of more than ${contextTokens} tokens (one context and its last target), found ${training.tokens}; give more text, or lower contextTokens.`,
        { tokens: training.tokens, contextTokens },
      );
    return new BatchReader(training, { batch, contextTokens }, contextOffsets(order));
  }
  const given = await readBatches(batches ?? '', data.tensor, { steps, batch });
  const used = { steps, contextTokens, tokens: training.tokens };
  checkOffsets({ ...given, tensor: data.tensor }, used);
  const { offsets } = given;
  return new BatchReader(training, { batch, contextTokens }, (step) =>
    Float64Array.from(offsets.slice(step * batch, (step + 1) * batch)),
  );
}

/** Time for one chunk, so that copying the state in and out takes a few per cent of it. */
function chunkMs(state: StateArrays): number {
  let bytes = 0;
  for (const values of state.values()) bytes += values.byteLength;
  return Math.min(CHUNK_MS.most, Math.max(CHUNK_MS.least, CHUNK_MS.perStateByte * bytes));
}
