// From a section that describes a language model to train to the resolved model: sizes, training, streams; the files that it
// names are read and checked. Used by training files and by run files with `model.train`.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { summariseTokenizer, type TokenizerSummary } from '../../core/corpus/tokenizer/summary.js';
import { planMicroBatches } from '../../core/language-model/accumulate.js';
import type { ModelSpec } from '../../core/language-model/model-spec.js';
import { hashFile } from '../../models/model-files.js';
import type { ModelSection } from '../../schemas/language-model-sections.js';
import type { ResolvedModel } from '../../schemas/resolved-training.js';
import type { EngineConfig, StoredFile } from '../../schemas/stored.js';
import type { LanguageModelConfig } from '../../stages/language-model/config.js';
import { readBatches, readWeights, splitBatches } from '../../stages/language-model/given-files.js';
import { resolveSpec, type ModelTraining } from './resolve-model.js';
import { upload, type Upload } from './upload.js';

/** What a model to train is resolved against. */
export interface LanguageModelParts {
  readonly tokensKey: string;
  /** Content of tokenizer.json. */
  readonly json: Uint8Array;
  /** Of the order of data. */
  readonly seed: number;
  readonly given: GivenFiles;
  readonly engine: EngineConfig;
  readonly checkpointSeconds: number;
}

/** A model with everything settled but the contents of its streams. @throws InputError that names the field that does not fit */
export async function resolveLanguageModel(
  parts: LanguageModelParts,
  { section, training }: { readonly section: ModelSection; readonly training: ModelTraining },
): Promise<ResolvedModel> {
  const { tokensKey, json, seed, given, engine } = parts;
  const tokenizer = summariseTokenizer(json, training.prepend, 'training.prepend');
  const spec = resolveSpec(section, tokenizer.vocabSize);
  const init = section.init === null ? null : await given.init(section.init, spec);
  const batches = training.batches === null ? null : await given.batches(training.batches, training);
  const streams = streamConfigs(tokensKey, training, tokenizer);
  const { steps, batch, optimiser, schedule, clipNorm, logEverySteps, validateEverySteps } = training;
  const microBatches = planMicroBatches(batch, spec.contextTokens, engine.threads);
  const config: LanguageModelConfig = {
    keyed: {
      model: spec,
      init: init === null ? { seed: section.seed } : { file: init.sha256 },
      data:
        batches === null
          ? { sampling: training.sampling, seed }
          : { batches: batches.stored.sha256, tensor: batches.tensor },
      training: {
        ...{ steps, batch, microBatches, optimiser, schedule, clipNorm },
        ...{ logEverySteps, validateEverySteps },
      },
      engine,
    },
    aux: {
      name: section.name,
      init,
      batches: batches?.stored ?? null,
      dtype: streams.training.keyed.dtype,
      checkpointMs: 1000 * parts.checkpointSeconds,
    },
  };
  return { name: section.name, config, streams };
}

const WIDEST_UINT16 = 2 ** 16;

/** What is trained on, with its weights; and what is measured, whose tokens all weigh the same. */
function streamConfigs(
  tokensKey: string,
  training: ModelTraining,
  tokenizer: TokenizerSummary,
): ResolvedModel['streams'] {
  const { order, lossWeights } = training;
  const shared = {
    tokensKey,
    order,
    prependId: tokenizer.prependId,
    dtype: tokenizer.vocabSize <= WIDEST_UINT16 ? 'uint16' : 'uint32',
    lossWeights: null,
  } as const;
  return {
    training: { keyed: { ...shared, splits: [...new Set(training.splits)].sort(), lossWeights } },
    calib: { keyed: { ...shared, splits: ['calib'] } },
    test: { keyed: { ...shared, splits: ['test'] } },
  };
}

/** The files that models name, each read and checked once. */
export class GivenFiles {
  readonly #folder: string;
  readonly #uploads = new Map<string, Promise<Upload>>();
  readonly #resolved: Upload[] = [];
  readonly #checked = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get uploads(): readonly Upload[] {
    return this.#resolved;
  }

  async init(file: string, spec: ModelSpec): Promise<StoredFile> {
    const place = path.resolve(this.#folder, file);
    await this.#once([place, spec], () => readWeights(place, spec));
    return (await this.#upload(place)).stored;
  }

  async batches(
    reference: string,
    need: { readonly steps: number; readonly batch: number },
  ): Promise<{ readonly stored: StoredFile; readonly tensor: string }> {
    const { file, tensor } = splitBatches(reference);
    const place = path.resolve(this.#folder, file);
    await this.#once([place, tensor, need.steps, need.batch], () => readBatches(place, tensor, need));
    return { stored: (await this.#upload(place)).stored, tensor };
  }

  async #once(what: unknown, check: () => Promise<unknown>): Promise<void> {
    const name = JSON.stringify(what);
    if (this.#checked.has(name)) return;
    await check();
    this.#checked.add(name);
  }

  #upload(place: string): Promise<Upload> {
    const known = this.#uploads.get(place) ?? this.#digest(place);
    this.#uploads.set(place, known);
    return known;
  }

  async #digest(place: string): Promise<Upload> {
    const { size } = await stat(place);
    const made = upload({ path: place }, { sha256: await hashFile(place), bytes: size }, 'safetensors');
    this.#resolved.push(made);
    return made;
  }
}
