// From a resolved run and the pinned results of earlier stages to everything that one stage plans: items, settings, datasets,
// keys. Decides nothing about what is already done.
import { digestOf, stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import type { RunStage, StageName } from '../../schemas/stages.js';
import type { Commit } from '../../schemas/records.js';
import { planSiteKeys } from '../../stages/activations/plan.js';
import type { ActivationsInputs } from '../../stages/activations/config.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { TokensConfig } from '../../stages/tokens/config.js';
import { planCorpus } from '../../stages/corpus/plan.js';
import { planEncodeItems, planEncodeKey } from '../../stages/encode/plan.js';
import { planIndexItems } from '../../stages/index/plan.js';
import type { WorkItem } from '../../stages/stage.js';
import { planTokens } from '../../stages/tokens/plan.js';
import { planTrainItem, planTraining } from '../../stages/train/plan.js';
import { datasetNames } from '../../stages/dataset-names.js';
import type { Pinned, PinnedReader } from './pinned.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import {
  activationsConfig,
  corpusConfig,
  corpusPreimage,
  encodeConfig,
  indexConfig,
  tokensKeyed,
  tokensPreimage,
  trainConfig,
  type CorpusRun,
} from './stage-settings.js';
import { STAGE_TABLE } from '../../stages/table.js';

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
  stage: RunStage,
  pinned: PinnedReader,
): Promise<StageUnits | null> {
  return PLANNERS[stage](run, pinned);
}

type Planner = (run: ResolvedRun, pinned: PinnedReader) => Promise<StageUnits | null>;

const PLANNERS: { readonly [Name in RunStage]: Planner } = {
  corpus: (run) => Promise.resolve(corpusUnits(run)),
  tokens: tokensUnits,
  activations: activationsUnits,
  train: trainUnits,
  encode: encodeUnits,
  index: indexUnits,
};

/** The units of the corpus stage. */
export function corpusUnits(run: CorpusRun): StageUnits {
  const config = corpusConfig(run);
  const preimage = corpusPreimage(run);
  const key = stageKey(preimage);
  const units = planCorpus(key, run.parts).map((item) => ({ item, config }));
  return {
    stage: 'corpus',
    groups: [{ group: 'corpus', units }],
    datasets: [{ dataset: datasetNames(run.name).corpus, tables: ['source'], key, group: 'corpus' }],
    preimages: [preimage],
  };
}

/** The units of the tokens stage; null before the corpus stage is complete. */
export async function tokensUnits(run: CorpusRun, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const corpus = await pinned(names.corpus);
  if (!corpus) return null;
  const preimage = tokensPreimage(run);
  const key = stageKey(preimage);
  const config: TokensConfig = { keyed: tokensKeyed(run), aux: { tokenizer: run.model.tokenizer } };
  const byPart = new Map(corpus.commits.map((commit) => [(commit.inputs as { part: string }).part, commit]));
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

async function activationsUnits(run: ResolvedRun, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const tokens = await pinned(names.tokens);
  if (!tokens) return null;
  const config = activationsConfig(run);
  const siteKeys = planSiteKeys(config);
  const keys = siteKeys.map(({ key }) => key);
  const units = tokens.commits.map((commit) => ({
    item: activationsItem(keys, commit),
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
  const units = emptyUnits('train');
  for (const site of run.sites) {
    const dictionaries = run.dictionaries.filter((d) => d.site === site.name);
    if (dictionaries.length === 0) continue;
    const activations = await pinned(names.activations(site.name));
    if (!activations) return null;
    const snapshot = trainingDigest(activations.commits);
    // Dictionaries of one site share the read: one item trains them all over one stream of rows.
    const configs = dictionaries.map((dictionary) => trainConfig(run, dictionary));
    const item = planTrainItem({ configs, snapshot, segments: activations.segments });
    units.groups.push({ group: site.name, units: [{ item, config: configs }] });
    for (const config of configs) {
      const { key, preimage } = planTraining(config, snapshot);
      units.preimages.push(preimage);
      for (const table of ['weights', 'training'])
        units.datasets.push(dictionaryUnit(run, { name: config.aux.name, table, key, group: site.name }));
    }
  }
  return units;
}

async function encodeUnits(run: ResolvedRun, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const units = emptyUnits('encode');
  for (const dictionary of run.dictionaries) {
    const { name } = dictionary;
    const activations = await pinned(names.activations(dictionary.site));
    const weights = await pinned(names.dictionary(name, 'weights'));
    if (!activations || !weights) return null;
    const config = encodeConfig(run, dictionary, weightsFile(weights));
    const { key, preimage } = planEncodeKey(config);
    const items = planEncodeItems(config, activations.commits);
    units.preimages.push(preimage);
    units.groups.push({ group: name, units: items.map((item) => ({ item, config })) });
    units.datasets.push(dictionaryUnit(run, { name, table: 'acts', key, group: name }));
    const runs = { name, table: 'postings-runs', tables: ['postings'], key, group: name };
    units.datasets.push(dictionaryUnit(run, runs));
  }
  return units;
}

async function indexUnits(run: ResolvedRun, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(run.name);
  const tokens = await pinned(names.tokens);
  if (!tokens) return null;
  const units = emptyUnits('index');
  for (const dictionary of run.dictionaries) {
    const { name } = dictionary;
    const encoded = await pinned(names.dictionary(name, 'acts'));
    if (!encoded) return null;
    const { commits, segments } = encoded;
    const snapshot = contentDigest(commits);
    const config = indexConfig(run, dictionary, encoded.snapshot.key);
    const stageVersion = STAGE_TABLE.index.version;
    const preimage = { stage: 'index', stageVersion, config: config.keyed, inputs: { snapshot } };
    const key = stageKey(preimage);
    const { features, topExamples } = config.keyed;
    const parts = { key, features, topExamples, snapshot, commits, segments };
    const items = planIndexItems({ ...parts, tokens: tokens.segments });
    units.preimages.push(preimage);
    units.groups.push({ group: name, units: items.map((item) => ({ item, config })) });
    for (const table of ['postings', 'features', 'top'])
      units.datasets.push(dictionaryUnit(run, { name, table, key, group: name }));
  }
  return units;
}

interface GrowingUnits extends StageUnits {
  readonly groups: UnitGroup[];
  readonly datasets: DatasetUnit[];
  readonly preimages: KeyPreimage[];
}

function emptyUnits(stage: StageName): GrowingUnits {
  return { stage, groups: [], datasets: [], preimages: [] };
}

interface DictionaryTable {
  readonly name: string;
  readonly table: string;
  /** Tables of the objects; default the one of that name. */
  readonly tables?: readonly string[];
  readonly key: string;
  readonly group: string;
}

function dictionaryUnit(run: ResolvedRun, unit: DictionaryTable): DatasetUnit {
  const { name, table, tables = [table], key, group } = unit;
  return { dataset: datasetNames(run.name).dictionary(name, table), tables, key, group };
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
  const entries = commits.map((c) => [c.shard, c.split, c.objects.map((o) => [o.table, o.sha256])] as const);
  return digestOf([...entries].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)));
}
