// From a resolved run and the pinned results of earlier stages to everything that one stage plans: items, settings, datasets,
// keys. Decides nothing about what is already done.
import { digestOf, stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import type { StageName } from '../../schemas/constants.js';
import type { Commit } from '../../schemas/records.js';
import type {
  ActivationsConfig,
  ActivationsInputs,
  CorpusConfig,
  EncodeConfig,
  IndexConfig,
  StoredFile,
  TokensConfig,
  TrainConfig,
} from '../configs.js';
import { planSiteKeys } from '../activations/plan.js';
import { planCorpus } from '../corpus/plan.js';
import { planEncodeItems, planEncodeKey } from '../encode/plan.js';
import { planIndexItems } from '../index/plan.js';
import type { WorkItem } from '../stage.js';
import { planTokens } from '../tokens/plan.js';
import { planTrainItem, planTraining } from '../train/plan.js';
import { datasetNames } from './dataset-names.js';
import type { ResolvedDictionary, ResolvedRun } from './resolved-run.js';
import { STAGE_TABLE } from './stage-table.js';
import type { Pinned, PinnedReader } from './pinned.js';

export interface PlannedUnit {
  readonly item: WorkItem;
  readonly config: unknown;
}

/** A dataset that the stage publishes: the commits of the items in `group` under `key`. */
export interface DatasetUnit {
  readonly dataset: string;
  readonly tables: readonly string[];
  readonly key: string;
  readonly group: string;
}

/** Items of one group commit under the same keys (a group per dictionary; one for stages without dictionaries). */
export interface UnitGroup {
  readonly group: string;
  readonly units: readonly PlannedUnit[];
}

export interface StageUnits {
  readonly stage: StageName;
  readonly groups: readonly UnitGroup[];
  readonly datasets: readonly DatasetUnit[];
  /** What the keys are made of, for `explain`. */
  readonly preimages: readonly KeyPreimage[];
}

/** Everything that a stage plans; null while an earlier stage of this revision is not complete. */
export async function planStageUnits(
  run: ResolvedRun,
  stage: StageName,
  pinned: PinnedReader,
): Promise<StageUnits | null> {
  return PLANNERS[stage](run, pinned);
}

type Planner = (run: ResolvedRun, pinned: PinnedReader) => Promise<StageUnits | null>;

const PLANNERS: { readonly [Name in StageName]: Planner } = {
  corpus: (run) => Promise.resolve(corpusUnits(run)),
  tokens: tokensUnits,
  activations: activationsUnits,
  train: trainUnits,
  encode: encodeUnits,
  index: indexUnits,
};

function corpusUnits(run: ResolvedRun): StageUnits {
  const config = corpusConfig(run);
  const preimage = corpusPreimage(run);
  const key = stageKey(preimage);
  const units = planCorpus(key, run.parts).map((item) => ({ item, config }));
  return {
    stage: 'corpus',
    groups: [{ group: 'corpus', units }],
    datasets: [
      { dataset: datasetNames(run.name).corpus, tables: ['source'], key, group: 'corpus' },
    ],
    preimages: [preimage],
  };
}

async function tokensUnits(run: ResolvedRun, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const corpus = await pinned(names.corpus);
  if (!corpus) return null;
  const preimage = tokensPreimage(run);
  const key = stageKey(preimage);
  const config: TokensConfig = { keyed: tokensKeyed(run), aux: { tokenizer: run.model.tokenizer } };
  const byPart = new Map(
    corpus.commits.map((commit) => [(commit.inputs as { part: string }).part, commit]),
  );
  const inOrder = run.parts.flatMap((part) => byPart.get(part.digest) ?? []);
  const units = planTokens(key, inOrder).map((item) => ({ item, config }));
  return {
    stage: 'tokens',
    groups: [{ group: 'tokens', units }],
    datasets: [
      { dataset: names.documents, tables: ['documents'], key, group: 'tokens' },
      { dataset: names.tokens, tables: ['tokens'], key, group: 'tokens' },
    ],
    preimages: [preimage],
  };
}

async function activationsUnits(
  run: ResolvedRun,
  pinned: PinnedReader,
): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const tokens = await pinned(names.tokens);
  if (!tokens) return null;
  const config = activationsConfig(run);
  const siteKeys = planSiteKeys(config);
  const keys = siteKeys.map(({ key }) => key);
  const units = tokens.commits.map((commit) => ({
    item: activationsItem(keys, commit) as WorkItem,
    config,
  }));
  return {
    stage: 'activations',
    groups: [{ group: 'activations', units }],
    datasets: siteKeys.map(({ site, key }) => ({
      dataset: names.activations(site),
      tables: ['activations'],
      key,
      group: 'activations',
    })),
    preimages: siteKeys.map(({ preimage }) => preimage),
  };
}

/** Forward passes over one token shard, for all sites. */
function activationsItem(keys: readonly string[], commit: Commit): WorkItem<ActivationsInputs> {
  const objects = commit.objects.filter((o) => o.table === 'tokens');
  const inputs = { tokens: objects.map((o) => o.sha256) };
  const size = Number(commit.statistics['tokens'] ?? 0);
  return {
    stage: 'activations',
    keys,
    input: digestOf(inputs),
    inputs,
    shard: commit.shard,
    split: commit.split,
    size,
    aux: { objects },
  };
}

async function trainUnits(run: ResolvedRun, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const groups: UnitGroup[] = [];
  const datasets: DatasetUnit[] = [];
  const preimages: KeyPreimage[] = [];
  for (const site of run.sites) {
    const dictionaries = run.dictionaries.filter((d) => d.site === site.name);
    if (dictionaries.length === 0) continue;
    const activations = await pinned(names.activations(site.name));
    if (!activations) return null;
    const snapshot = trainingDigest(activations.commits);
    const { segments } = activations;
    for (const dictionary of dictionaries) {
      const config = trainConfig(run, dictionary);
      const { key, preimage } = planTraining(config, snapshot);
      preimages.push(preimage);
      const group = dictionary.name;
      groups.push({
        group,
        units: [
          { item: planTrainItem({ configs: [config], snapshot, segments }) as WorkItem, config },
        ],
      });
      for (const table of ['weights', 'training'])
        datasets.push({
          dataset: names.dictionary(dictionary.name, table),
          tables: [table],
          key,
          group,
        });
    }
  }
  return { stage: 'train', groups, datasets, preimages };
}

async function encodeUnits(run: ResolvedRun, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const groups: UnitGroup[] = [];
  const datasets: DatasetUnit[] = [];
  const preimages: KeyPreimage[] = [];
  for (const dictionary of run.dictionaries) {
    const activations = await pinned(names.activations(dictionary.site));
    const weights = await pinned(names.dictionary(dictionary.name, 'weights'));
    if (!activations || !weights) return null;
    const config = encodeConfig(run, dictionary, weightsFile(weights));
    const { key, preimage } = planEncodeKey(config);
    preimages.push(preimage);
    const group = dictionary.name;
    groups.push({
      group,
      units: planEncodeItems(config, activations.commits).map((item) => ({
        item: item as WorkItem,
        config,
      })),
    });
    datasets.push({
      dataset: names.dictionary(dictionary.name, 'acts'),
      tables: ['acts'],
      key,
      group,
    });
    datasets.push({
      dataset: names.dictionary(dictionary.name, 'postings-runs'),
      tables: ['postings'],
      key,
      group,
    });
  }
  return { stage: 'encode', groups, datasets, preimages };
}

async function indexUnits(run: ResolvedRun, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const tokens = await pinned(names.tokens);
  if (!tokens) return null;
  const groups: UnitGroup[] = [];
  const datasets: DatasetUnit[] = [];
  const preimages: KeyPreimage[] = [];
  for (const dictionary of run.dictionaries) {
    const encoded = await pinned(names.dictionary(dictionary.name, 'acts'));
    if (!encoded) return null;
    const snapshot = contentDigest(encoded.commits);
    const config = indexConfig(run, dictionary, encoded.snapshot.key);
    const preimage = {
      stage: 'index',
      stageVersion: STAGE_TABLE.index.version,
      config: config.keyed,
      inputs: { snapshot },
    };
    const key = stageKey(preimage);
    preimages.push(preimage);
    const group = dictionary.name;
    const { features, topExamples } = config.keyed;
    const items = planIndexItems({
      key,
      features,
      topExamples,
      snapshot,
      commits: encoded.commits,
      segments: encoded.segments,
      tokens: tokens.segments,
    });
    groups.push({ group, units: items.map((item) => ({ item: item as WorkItem, config })) });
    for (const table of ['postings', 'features', 'top'])
      datasets.push({
        dataset: names.dictionary(dictionary.name, table),
        tables: [table],
        key,
        group,
      });
  }
  return { stage: 'index', groups, datasets, preimages };
}

// ---- settings of each stage

function corpusConfig(run: ResolvedRun): CorpusConfig {
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

function corpusPreimage(run: ResolvedRun): KeyPreimage {
  return {
    stage: 'corpus',
    stageVersion: STAGE_TABLE.corpus.version,
    config: corpusConfig(run).keyed,
    inputs: null,
  };
}

function tokensKeyed(run: ResolvedRun): TokensConfig['keyed'] {
  const { maxDocumentTokens, onBadDocument } = run.file.corpus;
  return {
    corpusKey: stageKey(corpusPreimage(run)),
    tokenizer: run.model.tokenizer.sha256,
    maxDocumentTokens,
    onBadDocument,
  };
}

function tokensPreimage(run: ResolvedRun): KeyPreimage {
  return {
    stage: 'tokens',
    stageVersion: STAGE_TABLE.tokens.version,
    config: tokensKeyed(run),
    inputs: null,
  };
}

function activationsConfig(run: ResolvedRun): ActivationsConfig {
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
    ...planSiteKeys(activationsConfig(run)).map(
      ({ site, key }) => [names.activations(site), key] as const,
    ),
  ]);
}

function trainConfig(run: ResolvedRun, dictionary: ResolvedDictionary): TrainConfig {
  return {
    keyed: {
      activationsKey: activationsKey(run, dictionary.site),
      site: dictionary.site,
      dtype: run.file.activations.dtype,
      runSeed: run.file.seed,
      sae: dictionary.sae,
      engine: run.engine,
    },
    aux: { name: dictionary.name, width: siteWidth(run, dictionary.site) },
  };
}

function encodeConfig(
  run: ResolvedRun,
  dictionary: ResolvedDictionary,
  weights: StoredFile,
): EncodeConfig {
  const { site, name, sae } = dictionary;
  return {
    keyed: {
      dictionary: weights.sha256,
      activationsKey: activationsKey(run, site),
      dtype: run.file.activations.dtype,
      engine: run.engine,
    },
    aux: {
      name,
      site,
      width: siteWidth(run, site),
      features: sae.features,
      k: sae.k,
      weights,
      architecture: sae.architecture,
    },
  };
}

function indexConfig(
  run: ResolvedRun,
  dictionary: ResolvedDictionary,
  encodeKey: string,
): IndexConfig {
  const { contextTokens, packing } = run.file.model;
  const { name, site, sae } = dictionary;
  return {
    keyed: {
      encodeKey,
      topExamples: run.file.index.topExamples,
      features: sae.features,
      contextTokens,
      prepended: run.model.prependId !== null,
      packing,
    },
    aux: { name, site, width: siteWidth(run, site) },
  };
}

// ---- small facts

function siteWidth(run: ResolvedRun, site: string): number {
  return run.sites.find((s) => s.name === site)?.width ?? run.model.width;
}

function weightsFile({ commits }: Pinned): StoredFile {
  const object = commits[0]?.objects.find((o) => o.table === 'weights');
  return { key: object?.key ?? '', sha256: object?.sha256 ?? '', bytes: object?.bytes ?? 0 };
}

/** Digest of what a training reads: the objects of fit and calib, with their shards. */
function trainingDigest(commits: readonly Commit[]): string {
  return contentDigest(commits.filter((commit) => commit.split !== 'test'));
}

function contentDigest(commits: readonly Commit[]): string {
  const entries = commits.map(
    (c) => [c.shard, c.split, c.objects.map((o) => [o.table, o.sha256])] as const,
  );
  return digestOf([...entries].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)));
}
