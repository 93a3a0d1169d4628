// From a user's run file to the resolved run: opens model, tokenizer and sources, checks that they fit together, fills in every
// default. Reads files, writes nothing.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { siteHint, type KnownSites } from '../../core/hooks/nearest-sites.js';
import { matchSites, storedWidth } from '../../core/hooks/sites.js';
import { summariseTokenizer, type TokenizerSummary } from '../../core/corpus/tokenizer/summary.js';
import { buildModel, emptyWeights } from '../../core/language-model/export-model.js';
import { tokenizerAdvice } from '../../models/folder/tokenizer-file.js';
import { resolveEdits, type ResolvedEdits } from '../../models/edits.js';
import { openModel, readStructure, type ModelStructure, type ModelSummary } from '../../models/open-model.js';
import { InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import type { GivenModel, ResolvedRun, TrainedModel } from '../../schemas/resolved-run.js';
import type { RunFile } from '../../schemas/run-file.js';
import type { StageName } from '../../schemas/stages.js';
import type { EngineConfig, Part } from '../../schemas/stored.js';
import { listParts } from '../../stages/corpus/parts.js';
import { tokensKey } from '../../stages/tokens/stage.js';
import type { DictionaryLookup } from '../../stages/train/stored-dictionary.js';
import type { CorpusRun } from '../../stages/work.js';
import type { LoadedRunFile } from '../files/load.js';
import { resolveEngine, sourceOpener } from './engine.js';
import {
  checkContext,
  checkDropTokens,
  checkTogether,
  checkVocabulary,
  type ModelPlaces,
  refuseDynamic,
} from './checks.js';
import { resolveEntries } from './resolve-taken.js';
import { GivenFiles, resolveLanguageModel } from './resolve-language-model.js';
import { resolveModelTraining } from './resolve-model.js';
import { expectPlaces, runPlaces } from './named-places.js';
import { startOf, withPositions } from './position-start.js';
import { upload, type Upload } from './upload.js';

export interface ResolveOptions {
  readonly folder: string;
  readonly revision: number;
  readonly until: StageName;
  readonly limitDocuments: number | null;
  readonly hostId: string;
  readonly nowMs: number;
  /** Finds a field in the text of the run file, where that is known. */
  readonly locate?: LoadedRunFile['locate'] | undefined;
  /** Dictionaries of the run's store, for edits of features; left out: none can be named. */
  readonly dictionary?: DictionaryLookup | undefined;
}

export interface ResolvedWithUploads {
  readonly run: ResolvedRun;
  readonly uploads: readonly Upload[];
  /** The user's model; null where the run trains its own. */
  readonly model: ModelSummary | null;
  /** The model's edits with their tensors. */
  readonly edits: ResolvedEdits;
  /** What is to be said of the sources: what was left out, ids that were made. */
  readonly notes: readonly string[];
}

/** @throws InputError that names the file or field that does not fit */
export async function resolveRun(file: RunFile, options: ResolveOptions): Promise<ResolvedWithUploads> {
  const { folder } = options;
  await expectPlaces(runPlaces(file), folder, options.locate);
  const places = modelPlaces(file, folder);
  const tokenizer = await openTokenizer(places.tokenizer, file.model.prepend);
  const notes: string[] = [];
  const parts: readonly Part[] = await listParts(file.corpus.sources, {
    openSource: sourceOpener(file),
    baseFolder: folder,
    format: file.corpus.format,
    idField: file.corpus.id,
    onNote: (note) => notes.push(note),
  });
  const engine = await resolveEngine(file.compute);
  const corpus = {
    ...{ name: file.name, file, limitDocuments: options.limitDocuments, parts },
    model: { tokenizer: tokenizer.upload.stored },
  };
  const source = await openSourceModel({ file, folder, places, tokenizer, corpus, engine });
  const { structure } = source;
  refuseDynamic(structure, places);
  checkVocabulary(tokenizer, structure, places);
  checkDropTokens(file, tokenizer);
  checkContext(file, structure, source.summary?.family ?? null);
  const sites = selectSites(file, structure);
  const edits = await editsOf(file, source, options);
  const values = [
    ...edits.files.map(({ sha256, bytes }) => upload({ bytes }, { sha256, bytes: bytes.length }, 'safetensors')),
    ...edits.named.map(({ digest, path: at, bytes }) => upload({ path: at }, { sha256: digest, bytes }, 'safetensors')),
  ];
  const known = {
    ...{ sites, model: source.summary?.digest },
    unknown: (where: string, site: string) => unknownSite(where, site, structure),
  };
  const dictionaries = await resolveEntries(file.saes, { folder, known, engine });
  const run: ResolvedRun = {
    ...{ formatVersion: 1, name: file.name, revision: options.revision, createdMs: options.nowMs, file },
    ...{ until: options.until, limitDocuments: options.limitDocuments, hostId: options.hostId, parts },
    model: {
      ...source.describe(edits.list),
      tokenizer: tokenizer.upload.stored,
      prependId: tokenizer.summary.prependId,
      layers: structure.layers,
      width: structure.width,
      vocabulary: structure.vocab,
      ...(startOf(structure) > 0 && { positionStart: startOf(structure) }),
      ...(values.length > 0 && { editValues: values.map(({ stored }) => stored) }),
    },
    ...{ sites, engine },
    dictionaries: dictionaries.flatMap((own) => own.dictionaries),
  };
  checkTogether(run);
  const uploads = [...source.uploads, tokenizer.upload, ...values, ...dictionaries.flatMap((own) => own.uploads)];
  return { run, uploads, model: source.summary, edits, notes };
}

interface SourceParts {
  readonly file: RunFile;
  readonly folder: string;
  readonly places: ModelPlaces;
  readonly tokenizer: OpenedTokenizer;
  readonly corpus: CorpusRun;
  readonly engine: EngineConfig;
}

/** The model that a run reads: a file of the user's, or one that the run will train. */
interface SourceModel {
  readonly structure: ModelStructure;
  readonly summary: ModelSummary | null;
  readonly uploads: readonly Upload[];
  describe(edits: ResolvedEdits['list']): GivenPart | TrainedPart;
}
type GivenPart = Pick<GivenModel, 'reference' | 'onnx' | 'external'>;
type TrainedPart = Pick<TrainedModel, 'trained' | 'edits'>;

function openSourceModel(parts: SourceParts): Promise<SourceModel> {
  return parts.places.model === null ? planTrainedModel(parts) : openGivenModel(parts.places.model, parts.file);
}

async function openGivenModel(place: string, file: RunFile): Promise<SourceModel> {
  const summary = withPositions((await openModel(place)).summary, { place, given: file.model.positionStart });
  const [onnx, ...externalFiles] = summary.files.map((f, i) =>
    upload(f.content ? { bytes: f.content } : { path: f.path }, f, i === 0 ? 'onnx' : 'bin'),
  ) as [Upload, ...Upload[]];
  const external = externalFiles.map(({ stored }, i) => ({
    ...stored,
    location: summary.files[i + 1]?.location ?? '',
  }));
  return {
    ...{ structure: summary, summary, uploads: [onnx, ...externalFiles] },
    describe: (edits) => ({ reference: { base: summary.digest, edits }, onnx: onnx.stored, external }),
  };
}

/** Name of the model that a run trains: its dataset is RUN/models/model. */
const OWN_MODEL = 'model';

/** A model that does not exist yet: its structure is that of the graph which the training will write. */
async function planTrainedModel({ file, folder, tokenizer, corpus, engine }: SourceParts): Promise<SourceModel> {
  const { train } = file.model;
  if (!train) throw new InputError('Expected model.onnx, model.folder or model.train, found none of them.');
  const contextTokens = train.model.contextTokens ?? file.model.contextTokens;
  const section = { ...train.model, contextTokens, name: OWN_MODEL };
  const given = new GivenFiles(folder);
  const parts = { tokensKey: tokensKey(corpus).key, json: tokenizer.json, seed: file.seed, given, engine };
  const training = resolveModelTraining(train.training, section);
  const trained = await resolveLanguageModel(
    { ...parts, checkpointSeconds: CHECKPOINT_SECONDS },
    { section, training },
  );
  const { config } = trained;
  const own = { ...trained, config: { ...config, aux: { ...config.aux, required: true as const } } };
  const spec = config.keyed.model;
  // Longer contexts than it was trained on are refused, also where no table of positions forbids them.
  const structure = { ...readStructure(buildModel(spec, emptyWeights(spec))), maxPositions: spec.contextTokens };
  return {
    ...{ structure, summary: null, uploads: given.uploads },
    describe: (edits) => ({ trained: own, edits }),
  };
}

/** Time between checkpoints of a model that a run trains; changes no result. */
const CHECKPOINT_SECONDS = 60;

interface OpenedTokenizer {
  readonly summary: TokenizerSummary;
  readonly json: Uint8Array;
  readonly upload: Upload;
}

async function openTokenizer(file: string, prepend: RunFile['model']['prepend']): Promise<OpenedTokenizer> {
  let json: Uint8Array;
  try {
    json = await readFile(file);
  } catch (error) {
    passMachineFault(error);
    throw new InputError(
      `Cannot read the tokenizer "${file}": ${(error as Error).message}. ${(await tokenizerAdvice(file)) ?? 'Give the path of a tokenizer.json in model.tokenizer.'}`,
      { path: file },
      { cause: error },
    );
  }
  try {
    const summary = summariseTokenizer(json, prepend);
    const stored = { sha256: summary.digest, bytes: json.length };
    return { summary, json, upload: upload({ path: file }, stored, 'json') };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${file}: ${error.message}`, { ...error.details, path: file }, { cause: error });
  }
}

function modelPlaces(file: RunFile, folder: string): ModelPlaces {
  const { model } = file;
  if (model.folder !== undefined) {
    const base = path.resolve(folder, model.folder);
    return { model: base, tokenizer: path.join(base, 'tokenizer.json') };
  }
  return {
    model: model.train ? null : path.resolve(folder, model.onnx ?? ''),
    tokenizer: path.resolve(folder, model.tokenizer ?? ''),
  };
}

function selectSites(file: RunFile, model: ModelStructure): ResolvedRun['sites'] {
  const { sites, unmatched } = matchSites(file.activations.hooks, model.sites);
  const [first] = unmatched;
  if (first !== undefined) throw unknownSite('activations.hooks:', first, model);
  return sites
    .map((site) => ({ name: site.name, width: storedWidth(site) ?? notVectors(site) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The run's edits; positions count within its longest context. */
function editsOf(
  file: RunFile,
  { structure, summary }: SourceModel,
  { folder, dictionary }: ResolveOptions,
): Promise<ResolvedEdits> {
  return resolveEdits(file.model.edits, {
    model: structure,
    digest: summary?.digest ?? null,
    dictionary: dictionary ?? null,
    length: file.model.contextTokens,
    lengthName: 'model.contextTokens',
    batch: null,
    folder,
    runValue: null,
    where: (edit, field) => `model.edits[${edit}]${field === undefined ? '' : `.${field}`}`,
  });
}

function notVectors({ name, axes }: ModelStructure['sites'][number]): never {
  throw new InputError(
    `activations.hooks: site "${name}" has the axes [${axes.join(', ')}], expected one vector per position. Store sites of [batch, pos, ..] (vectors of heads are stored with their heads joined); \`assay model run\` writes this one.`,
    { site: name, axes },
  );
}

function unknownSite(where: string, name: string, known: KnownSites): InputError {
  const { text, nearest } = siteHint(name, known);
  return new InputError(
    `${where} site "${name}", which is not among the model's sites; ${text}. \`assay model inspect\` lists all sites.`,
    { site: name, near: nearest },
  );
}
