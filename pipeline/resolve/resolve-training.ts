// From a training file to the resolved training: opens tokenizer, sources and given files, checks that they fit together,
// fills in every default. Reads, writes nothing.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256Hex, stageKey } from '../../core/identity/digest.js';
import { summariseTokenizer, type TokenizerSummary } from '../../core/corpus/tokenizer/summary.js';
import type { ModelSpec } from '../../core/language-model/model-spec.js';
import { InputError } from '../../schemas/errors.js';
import type { ModelSection, TrainingFile } from '../../schemas/training-file.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { getData } from '../../storage/records/data-stream.js';
import { latestSnapshot } from '../../storage/records/snapshots.js';
import type { EngineConfig, StoredFile } from '../../schemas/stored.js';
import type { LanguageModelConfig } from '../../stages/language-model/config.js';
import type { StreamConfig } from '../../stages/stream/config.js';
import { checkFirstRecord, listParts } from '../../stages/corpus/parts.js';
import { datasetNames } from '../../stages/dataset-names.js';
import { resolveEngine, sourceOpener, upload, type Upload } from './resolve-run.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { tokensPreimage, type CorpusRun } from '../plan/stage-settings.js';
import { planMicroBatches } from '../../core/language-model/accumulate.js';
import { readBatches, readWeights, splitBatches } from '../../stages/language-model/given-files.js';
import { modelSections, resolveModelTraining, resolveSpec, type ModelTraining } from './resolve-model.js';

/** One model with everything settled but the streams. */
export interface ResolvedModel {
  readonly name: string;
  readonly config: LanguageModelConfig;
  readonly streams: {
    readonly training: StreamConfig;
    readonly calib: StreamConfig;
    readonly test: StreamConfig;
  };
}

/** Everything that a training needs besides the store. */
export interface ResolvedTraining {
  readonly formatVersion: 1;
  readonly kind: 'language-model';
  readonly name: string;
  readonly revision: number;
  readonly file: TrainingFile;
  /** The corpus to tokenise; null where the tokens of another run are taken. */
  readonly corpus: CorpusRun | null;
  /** Whose tokens are trained on. */
  readonly tokens: { readonly run: string; readonly revision: number };
  readonly tokenizer: StoredFile;
  readonly models: readonly ResolvedModel[];
}

export interface ResolveTrainingOptions {
  readonly folder: string;
  readonly revision: number;
  readonly store: ObjectStore;
}

/** @throws InputError that names the file or field that does not fit */
export async function resolveTraining(
  file: TrainingFile,
  options: ResolveTrainingOptions,
): Promise<{ readonly training: ResolvedTraining; readonly uploads: readonly Upload[] }> {
  const source = file.corpus ? await ownCorpus(file, options) : await otherRun(file, options);
  const given = new GivenFiles(options.folder);
  const engine = await resolveEngine(file.compute);
  const models: ResolvedModel[] = [];
  for (const section of modelSections(file)) models.push(await resolveModel({ file, source, given, engine }, section));
  const { corpus, tokens, tokenizer } = source;
  const { name } = file;
  const { revision } = options;
  return {
    training: {
      ...{ formatVersion: 1, kind: 'language-model', name, revision, file, corpus, tokens },
      ...{ tokenizer, models },
    },
    uploads: [...source.uploads, ...given.uploads],
  };
}

interface Source {
  readonly corpus: CorpusRun | null;
  readonly tokens: ResolvedTraining['tokens'];
  readonly tokensKey: string;
  readonly tokenizer: StoredFile;
  /** Content of tokenizer.json. */
  readonly json: Uint8Array;
  readonly uploads: readonly Upload[];
}

async function ownCorpus(file: TrainingFile, options: ResolveTrainingOptions): Promise<Source> {
  const { folder, revision } = options;
  const { name, seed, storeOptions, corpus: section } = file;
  if (!section) throw new InputError('Expected a corpus, found none.');
  const place = path.resolve(folder, file.tokenizer ?? '');
  const json = await readTokenizer(place);
  const rule = { openSource: sourceOpener(file), baseFolder: folder, format: section.format };
  const parts = await listParts(section.sources, rule);
  for (const part of parts) {
    const { id: idField, text: textField, split, splitSeed, onBadDocument } = section;
    await checkFirstRecord(part, { idField, textField, split, splitSeed, onBadDocument }, rule);
  }
  const own = upload({ path: place }, { sha256: sha256Hex(json), bytes: json.length }, 'json');
  const corpus: CorpusRun = {
    name,
    file: { seed, corpus: section, storeOptions },
    limitDocuments: null,
    parts,
    model: { tokenizer: own.stored },
  };
  return {
    corpus,
    tokens: { run: name, revision },
    tokensKey: stageKey(tokensPreimage(corpus)),
    tokenizer: own.stored,
    json,
    uploads: [own],
  };
}

async function readTokenizer(place: string): Promise<Uint8Array> {
  try {
    return await readFile(place);
  } catch (error) {
    throw new InputError(
      `Cannot read the tokenizer "${place}": ${(error as Error).message}. Give the path of a tokenizer.json in \`tokenizer\`.`,
      { path: place },
      { cause: error },
    );
  }
}

/** The tokens of a run that is finished as far as its tokens. */
async function otherRun(file: TrainingFile, { store }: ResolveTrainingOptions): Promise<Source> {
  const name = file.tokens ?? '';
  const snapshot = await latestSnapshot(store, datasetNames(name).tokens);
  if (!snapshot?.complete) {
    const found = snapshot ? 'incomplete ones' : 'none';
    throw new InputError(
      `Expected the complete tokens of run "${name}" in ${store.url}, found ${found}; start it with \`assay run … --until tokens\`, or correct \`tokens\`.`,
      { field: 'tokens', run: name, store: store.url },
    );
  }
  const run = await latestRevision(store, name);
  if (run?.revision !== snapshot.revision)
    throw new InputError(
      `Expected the tokens of run "${name}" to be those of its latest revision ${run?.revision ?? 0}, found revision ${snapshot.revision}; \`assay resume ${name}\` first.`,
      { field: 'tokens', run: name },
    );
  const { tokenizer } = run.model;
  return {
    corpus: null,
    tokens: { run: name, revision: snapshot.revision },
    tokensKey: snapshot.key,
    tokenizer,
    json: await getData(store, tokenizer),
    uploads: [],
  };
}

interface ModelParts {
  readonly file: TrainingFile;
  readonly source: Source;
  readonly given: GivenFiles;
  readonly engine: EngineConfig;
}

async function resolveModel(parts: ModelParts, section: ModelSection): Promise<ResolvedModel> {
  const { file, source, given, engine } = parts;
  const training = resolveModelTraining(file, section);
  const tokenizer = summariseTokenizer(source.json, training.prepend, 'training.prepend');
  const spec = resolveSpec(section, tokenizer.vocabSize);
  const init = section.init === null ? null : await given.init(section.init, spec);
  const batches = training.batches === null ? null : await given.batches(training.batches, training);
  const streams = streamConfigs(source.tokensKey, training, tokenizer);
  const { steps, batch, optimiser, schedule, clipNorm, logEverySteps, validateEverySteps } = training;
  const microBatches = planMicroBatches(batch, spec.contextTokens, engine.threads);
  const config: LanguageModelConfig = {
    keyed: {
      model: spec,
      init: init === null ? { seed: section.seed } : { file: init.sha256 },
      data:
        batches === null
          ? { sampling: training.sampling, seed: file.seed }
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
      checkpointMs: 1000 * file.compute.checkpointSeconds,
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
    training: { keyed: { ...shared, splits: [...training.splits].sort(), lossWeights } },
    calib: { keyed: { ...shared, splits: ['calib'] } },
    test: { keyed: { ...shared, splits: ['test'] } },
  };
}

/** The files that models name, each read and checked once. */
class GivenFiles {
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
    const bytes = await readFile(place);
    const made = upload({ path: place }, { sha256: sha256Hex(bytes), bytes: bytes.length }, 'safetensors');
    this.#resolved.push(made);
    return made;
  }
}
