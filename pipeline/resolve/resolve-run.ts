// From a user's run file to the resolved run: opens model, tokenizer and sources, checks that they fit together, fills in every
// default. Reads files, writes nothing.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { matchSites, storedWidth } from '../../core/hooks/sites.js';
import { summariseTokenizer, type TokenizerSummary } from '../../core/corpus/tokenizer/summary.js';
import { InputError } from '../../schemas/errors.js';
import type { RunFile } from '../../schemas/run-file.js';
import { MAX_OBJECT_BYTES } from '../../schemas/stored.js';
import type { RunStage } from '../../schemas/stages.js';
import { dataKey, PARTS_EXTENSION } from '../../storage/records/key-layout.js';
import { probeDevices, resolveAutoProvider } from '../../runtime/devices.js';
import { ORT_VERSION } from '../../runtime/session.js';
import type { EngineConfig, Part, StoredFile } from '../../schemas/stored.js';
import { listParts } from '../../stages/corpus/parts.js';
import { tokenizerAdvice } from '../../models/folder/tokenizer-file.js';
import { resolveEdits, type ResolvedEdits } from '../../models/edits.js';
import { openModel, type ModelSummary } from '../../models/open-model.js';
import { openStore } from '../../storage/objects/open-store.js';
import type { OpenSource } from '../../stages/corpus/part-files.js';
import { nearestNames } from '../../core/text/nearest-names.js';
import { resolveDictionary } from './resolve-dictionary.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';

export interface ResolveOptions {
  readonly folder: string;
  readonly revision: number;
  readonly until: RunStage;
  readonly limitDocuments: number | null;
  readonly hostId: string;
  readonly nowMs: number;
}

/** What a run needs in its store: a local file, or bytes that were read from one. */
export interface Upload {
  readonly content: { readonly path: string } | { readonly bytes: Uint8Array };
  readonly stored: StoredFile;
  readonly extension: string;
}

export interface ResolvedWithUploads {
  readonly run: ResolvedRun;
  readonly uploads: readonly Upload[];
  readonly model: ModelSummary;
  /** The model's edits with their tensors. */
  readonly edits: ResolvedEdits;
}

/** @throws InputError that names the file or field that does not fit */
export async function resolveRun(file: RunFile, options: ResolveOptions): Promise<ResolvedWithUploads> {
  const { folder } = options;
  const places = modelPlaces(file, folder);
  const { summary } = await openModel(places.model);
  const tokenizer = await openTokenizer(places.tokenizer, file.model.prepend);
  checkVocabulary(tokenizer, summary, places);
  checkContext(file, summary);
  const parts: readonly Part[] = await listParts(file.corpus.sources, {
    openSource: sourceOpener(file),
    baseFolder: folder,
    format: file.corpus.format,
  });
  const sites = selectSites(file, summary);
  const edits = await editsOf(file, summary, folder);
  const { model, uploads } = modelOf({ summary, places, tokenizer, edits });
  const run: ResolvedRun = {
    formatVersion: 1,
    name: file.name,
    revision: options.revision,
    createdMs: options.nowMs,
    file,
    until: options.until,
    limitDocuments: options.limitDocuments,
    hostId: options.hostId,
    parts,
    model,
    sites,
    engine: await resolveEngine(file.compute),
    dictionaries: file.saes.map((sae) => {
      const site = sites.find((s) => s.name === sae.hook);
      if (!site) throw unknownSite(`saes: "${sae.name}" reads`, sae.hook, sites);
      return resolveDictionary(sae, site.width);
    }),
  };
  return { run, uploads, model: summary, edits };
}

interface ModelParts {
  readonly summary: ModelSummary;
  readonly places: ModelPlaces;
  readonly tokenizer: OpenedTokenizer;
  readonly edits: ResolvedEdits;
}

/** The model as the run stores it, and the files that this takes. */
function modelOf({ summary, places, tokenizer, edits }: ModelParts): {
  readonly model: ResolvedRun['model'];
  readonly uploads: readonly Upload[];
} {
  const [onnx, ...externalFiles] = summary.files.map((f, i) =>
    upload(f.content ? { bytes: f.content } : { path: f.path }, f, i === 0 ? 'onnx' : 'bin'),
  ) as [Upload, ...Upload[]];
  const tokens = upload({ path: places.tokenizer }, tokenizer, 'json');
  const values = edits.files.map(({ sha256, bytes }) =>
    upload({ bytes }, { sha256, bytes: bytes.length }, 'safetensors'),
  );
  const model = {
    reference: { base: summary.digest, edits: edits.list },
    onnx: onnx.stored,
    external: externalFiles.map(({ stored }, i) => ({
      ...stored,
      location: summary.files[i + 1]?.location ?? '',
    })),
    tokenizer: tokens.stored,
    prependId: tokenizer.summary.prependId,
    layers: summary.layers,
    width: summary.width,
    vocabulary: summary.vocab,
    ...(values.length > 0 && { editValues: values.map(({ stored }) => stored) }),
  };
  return { model, uploads: [onnx, ...externalFiles, tokens, ...values] };
}

interface OpenedTokenizer {
  readonly summary: TokenizerSummary;
  readonly sha256: string;
  readonly bytes: number;
}

async function openTokenizer(file: string, prepend: RunFile['model']['prepend']): Promise<OpenedTokenizer> {
  let json: Uint8Array;
  try {
    json = await readFile(file);
  } catch (error) {
    throw new InputError(
      `Cannot read the tokenizer "${file}": ${(error as Error).message}. ${(await tokenizerAdvice(file)) ?? 'Give the path of a tokenizer.json in model.tokenizer.'}`,
      { path: file },
      { cause: error },
    );
  }
  try {
    const summary = summariseTokenizer(json, prepend);
    return { summary, sha256: summary.digest, bytes: json.length };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${file}: ${error.message}`, { ...error.details, path: file }, { cause: error });
  }
}

/** Where the user's files lie. */
interface ModelPlaces {
  readonly model: string;
  readonly tokenizer: string;
}

function modelPlaces(file: RunFile, folder: string): ModelPlaces {
  const { model } = file;
  if (model.folder !== undefined) {
    const base = path.resolve(folder, model.folder);
    return { model: base, tokenizer: path.join(base, 'tokenizer.json') };
  }
  return {
    model: path.resolve(folder, model.onnx ?? ''),
    tokenizer: path.resolve(folder, model.tokenizer ?? ''),
  };
}

function checkVocabulary({ summary }: OpenedTokenizer, model: ModelSummary, places: ModelPlaces): void {
  if (summary.vocabSize <= model.vocab) return;
  throw new InputError(
    `The tokenizer ${places.tokenizer} has ${summary.vocabSize} token ids, the model ${places.model} embeds only ${model.vocab}. Give the tokenizer that belongs to the model.`,
    { tokenizer: summary.vocabSize, model: model.vocab },
  );
}

function checkContext(file: RunFile, model: ModelSummary): void {
  const { contextTokens } = file.model;
  if (model.maxPositions === null || contextTokens <= model.maxPositions) return;
  throw new InputError(
    `model.contextTokens is ${contextTokens}, but the model's ${model.family === null ? `position table has ${model.maxPositions} rows` : `config.json allows ${model.maxPositions} positions`}. Set model.contextTokens to ${model.maxPositions} or less.`,
    { contextTokens, maxPositions: model.maxPositions },
  );
}

function selectSites(file: RunFile, model: ModelSummary): ResolvedRun['sites'] {
  const { sites, unmatched } = matchSites(file.activations.hooks, model.sites);
  const [first] = unmatched;
  if (first !== undefined) throw unknownSite('activations.hooks:', first, model.sites);
  return sites
    .map((site) => ({ name: site.name, width: storedWidth(site) ?? notVectors(site) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The run's edits; positions count within its longest context. */
function editsOf(file: RunFile, model: ModelSummary, folder: string): Promise<ResolvedEdits> {
  return resolveEdits(file.model.edits, {
    model,
    length: file.model.contextTokens,
    lengthName: 'model.contextTokens',
    batch: null,
    folder,
    runValue: null,
    where: (edit, field) => `model.edits[${edit}]${field === undefined ? '' : `.${field}`}`,
  });
}

function notVectors({ name, axes }: ModelSummary['sites'][number]): never {
  throw new InputError(
    `activations.hooks: site "${name}" has the axes [${axes.join(', ')}], expected one vector per position. Store sites of [batch, pos, ..] (vectors of heads are stored with their heads joined); \`assay model run\` writes this one.`,
    { site: name, axes },
  );
}

function unknownSite(where: string, name: string, sites: readonly { readonly name: string }[]): InputError {
  const near = nearestNames(
    name,
    sites.map((s) => s.name),
  );
  return new InputError(
    `${where} site "${name}", which is not among the model's stored sites. Nearest: ${near.join(', ')}. \`assay model inspect\` lists all sites.`,
    { site: name, near },
  );
}

/** The engine that a configuration's section `compute` means on this machine. @throws InputError where webgpu does not load */
export async function resolveEngine(
  compute: Pick<RunFile['compute'], 'device' | 'threadsPerSession'>,
): Promise<EngineConfig> {
  const { device, threadsPerSession } = compute;
  const provider = device === 'auto' ? await resolveAutoProvider() : device;
  if (device === 'webgpu') {
    const state = (await probeDevices(['webgpu'])).providers[0];
    if (state?.loads === false)
      throw new InputError(
        `compute.device is webgpu, which does not load here: ${state.reason ?? ''}. Use cpu, or see \`assay doctor\`.`,
      );
  }
  return { ort: ORT_VERSION, provider, threads: threadsPerSession, optimisation: 'all' };
}

/** A content with the place that it will have in the store; what is larger than one object is stored in parts. */
export function upload(
  content: Upload['content'],
  { sha256, bytes }: { readonly sha256: string; readonly bytes: number },
  extension: string,
): Upload {
  const key = dataKey(sha256, bytes > MAX_OBJECT_BYTES ? PARTS_EXTENSION : extension);
  return { content, extension, stored: { key, sha256, bytes } };
}

/** Opens sources in S3 with the run's own connection settings. */
export function sourceOpener(file: Pick<RunFile, 'storeOptions'>): OpenSource {
  return (url) => openStore(url, { storeOptions: file.storeOptions });
}
