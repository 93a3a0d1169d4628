// From a user's run file to the resolved run: opens model, tokenizer and sources, checks that they fit together, fills in every
// default. Reads files, writes nothing.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { matchSites } from '../../core/hooks/sites.js';
import { summariseTokenizer, type TokenizerSummary } from '../../core/corpus/tokenizer/summary.js';
import { InputError } from '../../schemas/errors.js';
import type { RunFile } from '../../schemas/run-file.js';
import type { StageName } from '../../schemas/constants.js';
import { probeDevices, resolveAutoProvider } from '../../runtime/devices.js';
import { ORT_VERSION } from '../../runtime/session.js';
import type { EngineConfig, Part, StoredFile } from '../configs.js';
import { listParts } from '../corpus/parts.js';
import { openModel, type ModelSummary } from '../model/open-model.js';
import { openStore } from '../../storage/objects/open-store.js';
import type { OpenSource } from '../corpus/part-files.js';
import { nearestNames } from '../run-file/nearest-names.js';
import { resolveDictionary } from './resolve-dictionary.js';
import type { ResolvedRun } from './resolved-run.js';

export interface ResolveOptions {
  readonly folder: string;
  readonly revision: number;
  readonly until: StageName;
  readonly limitDocuments: number | null;
  readonly hostId: string;
  readonly nowMs: number;
}

/** A local file that a run needs in its store. */
export interface Upload {
  readonly path: string;
  readonly stored: StoredFile;
  readonly extension: string;
}

export interface ResolvedWithUploads {
  readonly run: ResolvedRun;
  readonly uploads: readonly Upload[];
  readonly model: ModelSummary;
}

/** @throws InputError that names the file or field that does not fit */
export async function resolveRun(
  file: RunFile,
  options: ResolveOptions,
): Promise<ResolvedWithUploads> {
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
  const uploads = [
    ...summary.files.map((f, i) => upload(f.path, f, i === 0 ? 'onnx' : 'bin')),
    upload(places.tokenizer, tokenizer, 'json'),
  ];
  const stored = uploads.map((u) => u.stored);
  const [onnx, ...externalFiles] = stored.slice(0, summary.files.length) as [
    StoredFile,
    ...StoredFile[],
  ];
  const external = externalFiles.map((s, i) => ({
    ...s,
    location: summary.files[i + 1]?.location ?? '',
  }));
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
    model: {
      reference: { base: summary.digest, edits: [] },
      onnx,
      external,
      tokenizer: stored.at(-1) as StoredFile,
      prependId: tokenizer.summary.prependId,
      layers: summary.layers,
      width: summary.width,
      vocabulary: summary.vocab,
    },
    sites,
    engine: await engineOf(file),
    dictionaries: file.saes.map((sae) => {
      const site = sites.find((s) => s.name === sae.hook);
      if (!site) throw unknownSite(`saes: "${sae.name}" reads`, sae.hook, sites);
      return resolveDictionary(sae, site.width);
    }),
  };
  return { run, uploads, model: summary };
}

interface OpenedTokenizer {
  readonly summary: TokenizerSummary;
  readonly sha256: string;
  readonly bytes: number;
}

async function openTokenizer(
  file: string,
  prepend: RunFile['model']['prepend'],
): Promise<OpenedTokenizer> {
  let json: Uint8Array;
  try {
    json = await readFile(file);
  } catch (error) {
    throw new InputError(
      `Cannot read the tokenizer "${file}": ${(error as Error).message}. Give the path of a tokenizer.json in model.tokenizer.`,
      { path: file },
      { cause: error },
    );
  }
  try {
    const summary = summariseTokenizer(json, prepend);
    return { summary, sha256: summary.digest, bytes: json.length };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      `${file}: ${error.message}`,
      { ...error.details, path: file },
      { cause: error },
    );
  }
}

function modelPlaces(
  file: RunFile,
  folder: string,
): { readonly model: string; readonly tokenizer: string } {
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

function checkVocabulary(
  { summary }: OpenedTokenizer,
  model: ModelSummary,
  places: { readonly model: string; readonly tokenizer: string },
): void {
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
    `model.contextTokens is ${contextTokens}, but the model's position table has ${model.maxPositions} rows. Set model.contextTokens to ${model.maxPositions} or less.`,
    { contextTokens, maxPositions: model.maxPositions },
  );
}

function selectSites(file: RunFile, model: ModelSummary): ResolvedRun['sites'] {
  const { sites, unmatched } = matchSites(file.activations.hooks, model.sites);
  const [first] = unmatched;
  if (first !== undefined) throw unknownSite('activations.hooks:', first, model.sites);
  return sites
    .map(({ name, width }) => ({ name, width }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function unknownSite(
  where: string,
  name: string,
  sites: readonly { readonly name: string }[],
): InputError {
  const near = nearestNames(
    name,
    sites.map((s) => s.name),
  );
  return new InputError(
    `${where} site "${name}", which is not among the model's stored sites. Nearest: ${near.join(', ')}. \`assay model inspect\` lists all sites.`,
    { site: name, near },
  );
}

async function engineOf(file: RunFile): Promise<EngineConfig> {
  const { device, threadsPerSession } = file.compute;
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

function upload(
  file: string,
  content: { readonly sha256: string; readonly bytes: number },
  extension: string,
): Upload {
  const { sha256, bytes } = content;
  return {
    path: file,
    extension,
    stored: { key: `data/${sha256.slice(0, 2)}/${sha256}.${extension}`, sha256, bytes },
  };
}

/** Opens sources in S3 with the run's own connection settings. */
export function sourceOpener(file: Pick<RunFile, 'storeOptions'>): OpenSource {
  return (url) => openStore(url, { storeOptions: file.storeOptions });
}
