// Trains language models on the worker's side: fetches streams, given files and the last checkpoint, stores checkpoints while
// the compute child trains. One call is one link of the chain: it ends at the time limit, when asked to stop, or with the model.
import { LIMITS } from '../../schemas/orchestration.js';
import { AssayError, InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { LanguageModelConfig, LanguageModelInputs } from './config.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { StageContext, StageResult, StageRun, WorkItem } from '../stage.js';
import { storeTrainingCheckpoint } from '../training-checkpoints.js';
import { fetchModelCheckpoint } from './checkpoints.js';
import {
  LANGUAGE_MODEL_TASK,
  type LanguageModelAsks,
  type LanguageModelProgress,
  type LanguageModelRequest,
  type LanguageModelResponse,
} from './messages.js';
import type { StreamFile } from './token-stream.js';

/** The run of the stage. @param limitMs longest time of one link */
export function createLanguageModelRun(
  limitMs: number = LIMITS.trainLinkMs,
): StageRun<LanguageModelConfig, LanguageModelInputs> {
  return (item, config, context) => new Link({ item, config, context, limitMs }).run();
}

export const runLanguageModel = createLanguageModelRun();

interface LinkParts {
  readonly item: WorkItem<LanguageModelInputs>;
  readonly config: LanguageModelConfig;
  readonly context: StageContext;
  readonly limitMs: number;
}

class Link {
  readonly #parts: LinkParts;
  readonly #key: string;
  /** Step of the newest checkpoint that is stored. */
  #stored = 0;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.#key = parts.item.keys[0] ?? '';
  }

  async run(): Promise<StageResult> {
    const fixed = await this.#fixedRequest();
    for (;;) {
      const before = this.#stored;
      try {
        return await this.#attempt(fixed);
      } catch (error) {
        // A child that died after it had come further goes on from there; two deaths at one place are told.
        if (!childDied(error) || this.#stored === before) throw error;
      }
    }
  }

  async #attempt(fixed: Omit<LanguageModelRequest, 'checkpoint'>): Promise<StageResult> {
    const { context } = this.#parts;
    const checkpoint = await fetchModelCheckpoint(this.#key, context);
    const request: LanguageModelRequest = { ...fixed, checkpoint };
    const response = await context.children.call<LanguageModelResponse>(LANGUAGE_MODEL_TASK, request, {
      signal: context.signal,
      onAsk: (what, question) => this.#answer(what as keyof LanguageModelAsks, question),
      onProgress: (value) => context.progress(value as LanguageModelProgress),
    });
    const { output, engine } = response;
    if (response.checkpoint) await storeTrainingCheckpoint(this.#key, response.checkpoint, context);
    if (!output) return { finished: false, outputs: [] };
    return { finished: true, outputs: [{ key: this.#key, ...output, engine }] };
  }

  async #answer(what: keyof LanguageModelAsks, question: unknown): Promise<unknown> {
    const { context } = this.#parts;
    if (what === 'proceed') return !context.stop.aborted;
    const checkpoint = question as LanguageModelAsks['checkpoint']['request'];
    await storeTrainingCheckpoint(this.#key, checkpoint, context);
    this.#stored = Math.max(this.#stored, checkpoint.state.step);
    return null;
  }

  /** Everything of the request that is the same for every attempt. */
  async #fixedRequest(): Promise<Omit<LanguageModelRequest, 'checkpoint'>> {
    const { item, config, context, limitMs } = this.#parts;
    const { keyed, aux } = config;
    const { inputs } = item;
    const { cache, signal } = context;
    const local = async (file: StoredFile | null): Promise<string | null> =>
      file === null ? null : cache.fetch(file, signal);
    const weights = await this.#fetch(inputs.weights);
    const training = await this.#stream(inputs.training, weights?.path ?? null);
    if (!training) throw new InputError('Expected a training stream, found none; plan the training again.');
    return {
      spool: context.spool,
      shard: item.shard,
      key: this.#key,
      config: keyed,
      stream: inputs.training,
      streams: {
        training,
        calib: await this.#stream(inputs.calib, null),
        test: await this.#stream(inputs.test, null),
      },
      init: await local(aux.init),
      batches: await local(aux.batches),
      checkpointMs: aux.checkpointMs,
      limitMs,
    };
  }

  async #stream(sha256: string | null, weights: string | null): Promise<StreamFile | null> {
    const found = await this.#fetch(sha256);
    if (!found) return null;
    const { dtype } = this.#parts.config.aux;
    return { path: found.path, tokens: found.object.rows, dtype, weights };
  }

  /** A local copy of the item's object with that digest. */
  async #fetch(sha256: string | null): Promise<{ readonly path: string; readonly object: ObjectRecord } | null> {
    if (sha256 === null) return null;
    const { item, context } = this.#parts;
    const object = item.aux.objects?.find((o) => o.sha256 === sha256);
    if (!object)
      throw new InputError(
        `Expected the stream ${sha256} among the objects of the training, found ${item.aux.objects?.length ?? 0} others; plan the training again.`,
        { sha256 },
      );
    return { path: await context.cache.fetch(object, context.signal), object };
  }
}

function childDied(error: unknown): boolean {
  return error instanceof AssayError && error.details['childDied'] === true;
}
