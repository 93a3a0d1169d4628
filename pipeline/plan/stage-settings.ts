// What each stage's key is made of and where its inputs lie, from a resolved run. Pure; every field that changes bytes is in `keyed`.
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import { type NamedSites, sitesText, targetWidth } from '../../core/dictionaries/sites.js';
import { planSiteKeys } from '../../stages/activations/plan.js';
import type { ActivationsConfig } from '../../stages/activations/config.js';
import type { CorpusConfig } from '../../stages/corpus/config.js';
import type { EncodeConfig } from '../../stages/encode/config.js';
import { encodedDictionary, sitesOfDictionary } from '../../stages/encode/dictionary.js';
import type { IndexConfig } from '../../stages/index/config.js';
import type { Part, StoredFile } from '../../schemas/stored.js';
import type { TokensConfig } from '../../stages/tokens/config.js';
import type { Source, Sources, TrainConfig } from '../../stages/train/config.js';
import { datasetNames } from '../../stages/dataset-names.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import { STAGE_TABLE } from '../../stages/table.js';

/** What the corpus and tokens stages read of a resolved run, or of a resolved training. */
export interface CorpusRun {
  readonly name: string;
  readonly file: Pick<ResolvedRun['file'], 'seed' | 'corpus' | 'storeOptions'>;
  readonly limitDocuments: number | null;
  readonly parts: readonly Part[];
  readonly model: { readonly tokenizer: StoredFile };
}

export function corpusConfig(run: CorpusRun): CorpusConfig {
  const { corpus } = run.file;
  return {
    keyed: {
      seed: run.file.seed,
      idField: corpus.id,
      textField: corpus.text,
      split: corpus.split,
      splitSeed: corpus.splitSeed,
      shardTokens: corpus.shardTokens,
      onBadDocument: corpus.onBadDocument,
      ...(run.limitDocuments === null ? {} : { limitDocuments: run.limitDocuments }),
    },
    aux: {
      parts: run.parts,
      ...(run.file.storeOptions ? { storeOptions: run.file.storeOptions } : {}),
    },
  };
}

export function corpusPreimage(run: CorpusRun): KeyPreimage {
  return {
    stage: 'corpus',
    stageVersion: STAGE_TABLE.corpus.version,
    config: corpusConfig(run).keyed,
    inputs: null,
  };
}

export function tokensKeyed(run: CorpusRun): TokensConfig['keyed'] {
  const { maxDocumentTokens, onBadDocument } = run.file.corpus;
  return {
    corpusKey: stageKey(corpusPreimage(run)),
    tokenizer: run.model.tokenizer.sha256,
    maxDocumentTokens,
    onBadDocument,
  };
}

export function tokensPreimage(run: CorpusRun): KeyPreimage {
  return {
    stage: 'tokens',
    stageVersion: STAGE_TABLE.tokens.version,
    config: tokensKeyed(run),
    inputs: null,
  };
}

export function activationsConfig(run: ResolvedRun): ActivationsConfig {
  const { activations, model } = run.file;
  return {
    keyed: {
      tokensKey: stageKey(tokensPreimage(run)),
      model: run.model.reference,
      contextTokens: model.contextTokens,
      prependId: run.model.prependId,
      packing: model.packing,
      dropPositions: [...new Set(activations.dropPositions)].sort((a, b) => a - b),
      dtype: activations.dtype,
      batchTokens: activations.batchTokens,
      engine: run.engine,
    },
    aux: {
      sites: run.sites.map((s) => s.name),
      model: run.model.onnx,
      external: run.model.external,
      ...(run.model.editValues && { editValues: run.model.editValues }),
    },
  };
}

function activationsKey(run: ResolvedRun, site: string): string {
  return planSiteKeys(activationsConfig(run)).find((entry) => entry.site === site)?.key ?? '';
}

/** The keys that follow from the settings alone, by dataset. */
export function keysKnownAtStart(run: ResolvedRun): ReadonlyMap<string, string> {
  const names = datasetNames(run.name);
  const tokens = stageKey(tokensPreimage(run));
  return new Map([
    [names.corpus, stageKey(corpusPreimage(run))],
    [names.documents, tokens],
    [names.tokens, tokens],
    ...planSiteKeys(activationsConfig(run)).map(({ site, key }) => [names.activations(site), key] as const),
  ]);
}

export function trainConfig(run: ResolvedRun, dictionary: ResolvedDictionary): TrainConfig {
  const sites = sitesOfDictionary(run, dictionary);
  return {
    keyed: {
      ...sourcesAt(run, sites),
      dtype: run.file.activations.dtype,
      runSeed: run.file.seed,
      sae: dictionary.sae,
      engine: run.engine,
    },
    aux: {
      name: dictionary.name,
      widths: sites.widths,
      model: canonicalJson(run.model.reference),
    },
  };
}

export function encodeConfig(run: ResolvedRun, dictionary: ResolvedDictionary, weights: StoredFile): EncodeConfig {
  const own = encodedDictionary(run, dictionary);
  const keys = own.sites.names.map((site) => activationsKey(run, site));
  return {
    keyed: {
      ...(keys.length === 1 ? { activationsKey: keys[0] as string } : { activationsKeys: keys }),
      dictionary: weights.sha256,
      dtype: run.file.activations.dtype,
      engine: run.engine,
    },
    aux: {
      ...own,
      name: dictionary.name,
      weights,
      model: canonicalJson(run.model.reference),
    },
  };
}

export function indexConfig(run: ResolvedRun, dictionary: ResolvedDictionary, encodeKey: string): IndexConfig {
  const { contextTokens, packing } = run.file.model;
  const { name, sae } = dictionary;
  const sites = sitesOfDictionary(run, dictionary);
  return {
    keyed: {
      encodeKey,
      topExamples: run.file.index.topExamples,
      features: sae.features,
      contextTokens,
      prepended: run.model.prependId !== null,
      packing,
    },
    aux: { name, site: sitesText(sites), width: targetWidth(sites), model: canonicalJson(run.model.reference) },
  };
}

/** Sites with their activations' keys: one for a dictionary that reads and writes one site, else lists. */
function sourcesAt(run: ResolvedRun, { names, reads, writes }: NamedSites): Sources {
  const at = (place: number): Source => {
    const site = names[place] ?? '';
    return { activationsKey: activationsKey(run, site), site };
  };
  return names.length === 1 ? at(0) : { reads: reads.map(at), writes: writes.map(at) };
}
