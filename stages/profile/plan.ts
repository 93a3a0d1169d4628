// Plans the profile of one dictionary: for each table a key over the pinned index and what else the table is made of, and items for
// ranges of features. Pure: a function of the pinned snapshots alone, so that every planner cuts the same ranges.
import { sitesText } from '../../core/dictionaries/sites.js';
import { wiringOf } from '../../core/dictionaries/wirings.js';
import { digestOf } from '../../core/identity/digest.js';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import type { Commit } from '../../schemas/records.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import { activationsSettings } from '../activations/stage.js';
import { readModelFiles, type ModelFiles } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import { weightsFile } from '../encode/plan.js';
import type { IndexInputs } from '../index/config.js';
import type { WorkItem } from '../stage.js';
import { contentDigest, stepId, type Pinned, type PinnedReader, type Step, type StepUnits } from '../step.js';
import { featuresOf, sitesOfDictionary } from '../train/dictionary.js';
import type { Work } from '../work.js';
import type { ProfileConfig, ProfileInputs, ProfileKeyed, ProfileTable } from './config.js';
import { NEIGHBOURS_UP_TO, PROFILE_TABLES, profileStage } from './stage.js';

/** Features of one item of `neighbours`: each reads all rows once. */
const NEIGHBOUR_RANGE = 16_384;

/** What the step reads. */
interface Upstream {
  readonly index: Pinned;
  readonly encoded: Pinned;
  readonly tokens: Pinned;
  readonly weights: Pinned;
  readonly model: ModelFiles;
}

/** Everything that the step plans; null while the dictionary's index is not complete. */
export async function planProfile(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const run = work.extraction;
  const dictionary = run?.dictionaries.find(({ name }) => name === step.subject);
  if (!run || !dictionary) return null;
  const upstream = await readUpstream(run, dictionary, pinned);
  if (!upstream) return null;
  const snapshot = contentDigest(upstream.index.commits);
  const tables = (Object.keys(PROFILE_TABLES) as ProfileTable[]).map((table) => {
    const config = tableConfig(table, { run, dictionary, upstream });
    const { key, preimage } = keyOf(profileStage, config.keyed, { snapshot });
    const group = `${stepId('profile', step.subject)}/${table}`;
    const units = planProfileItems({ key, snapshot, upstream, config }).map((item) => ({ item, config }));
    return { table, key, preimage, group, units };
  });
  const keyed = new Map(tables.map((own) => [own.table as string, own]));
  return {
    stage: step.stage,
    groups: tables.map(({ group, units }) => ({ group, units })),
    datasets: step.makes.map(({ dataset, tables: names }) => {
      const own = keyed.get(names[0] ?? '');
      return { dataset, tables: names, key: own?.key ?? '', group: own?.group ?? '' };
    }),
    preimages: tables.map(({ preimage }) => preimage),
  };
}

async function readUpstream(
  run: ResolvedRun,
  { name }: ResolvedDictionary,
  pinned: PinnedReader,
): Promise<Upstream | null> {
  const names = datasetNames(run.name);
  const index = await pinned(names.dictionary(name, 'top'));
  const encoded = await pinned(names.dictionary(name, 'acts'));
  const weights = await pinned(names.dictionary(name, 'weights'));
  const tokens = await pinned(names.tokens);
  const model = await readModelFiles(run, pinned);
  return index && encoded && weights && tokens && model ? { index, encoded, weights, tokens, model } : null;
}

interface Planned {
  readonly run: ResolvedRun;
  readonly dictionary: ResolvedDictionary;
  readonly upstream: Upstream;
}

function tableConfig(table: ProfileTable, { run, dictionary, upstream }: Planned): ProfileConfig {
  const { model, weights, index } = upstream;
  const sites = sitesOfDictionary(run, dictionary);
  const file = weightsFile(weights);
  const features = featuresOf(dictionary);
  const { contextTokens, prependId, packing, dropPositions, dropTokens = [] } = activationsSettings(run, model).keyed;
  const rows = { contextTokens, prepended: prependId !== null, packing, dropPositions, dropTokens };
  const of = { tableVersion: PROFILE_TABLES[table], indexKey: index.snapshot.key };
  const { engine } = run;
  const keyed: { readonly [T in ProfileTable]: ProfileKeyed } = {
    bands: { table: 'bands', ...of, rows },
    promoted: {
      ...{ table: 'promoted', ...of, rows, dictionary: file.sha256, model: model.reference },
      ...{ sites: sitesText(sites), engine },
    },
    neighbours: {
      ...{ table: 'neighbours', ...of, dictionary: file.sha256, engine },
      upTo: run.file.index.neighboursUpTo ?? NEIGHBOURS_UP_TO,
    },
  };
  return {
    keyed: keyed[table],
    aux: {
      name: dictionary.name,
      site: sitesText(sites),
      features,
      writes: wiringOf({ sites, features }).decoders.map(({ name, site, width, features: own }) => ({
        ...{ site: sites.names[sites.writes[site] as number] as string, width, tensor: name, features: own },
      })),
      weights: file,
      model: model.onnx,
      external: model.external,
      ...(model.editValues && { editValues: model.editValues }),
      reference: canonicalJson(model.reference),
    },
  };
}

export interface ProfileItemsOf {
  readonly key: string;
  /** Digest of the pinned index. */
  readonly snapshot: string;
  readonly upstream: {
    readonly index: Pick<Pinned, 'commits'>;
    readonly encoded: Pick<Pinned, 'commits' | 'segments'>;
    readonly tokens: Pick<Pinned, 'segments'>;
  };
  readonly config: ProfileConfig;
}

/** The items of one table: the ranges of the index, each with its objects; of neighbours, ranges of equal size. */
export function planProfileItems({ key, snapshot, upstream, config }: ProfileItemsOf): WorkItem<ProfileInputs>[] {
  const { index, encoded, tokens } = upstream;
  const { table } = config.keyed;
  const { features } = config.aux;
  const item = (range: ProfileInputs['range'], size: number, objects: Commit['objects']): WorkItem<ProfileInputs> => {
    const inputs = { snapshot, range };
    return {
      ...{ stage: 'profile', keys: [key], input: digestOf(inputs), inputs, split: null, size },
      shard: `${table}-${pad(range.from)}-${pad(range.to)}`,
      aux: { segments: encoded.segments, tokens: tokens.segments, objects },
    };
  };
  if (table === 'neighbours') {
    const starts = Array.from({ length: Math.ceil(features / NEIGHBOUR_RANGE) }, (_, i) => i * NEIGHBOUR_RANGE);
    const firings = encoded.commits.reduce((sum, { statistics }) => sum + Number(statistics['firings'] ?? 0), 0);
    return starts.map((from) => item({ from, to: Math.min(features, from + NEIGHBOUR_RANGE) }, firings + features, []));
  }
  const own = index.commits.flatMap(({ inputs, objects }) => {
    const { range } = inputs as IndexInputs;
    return range === 'metrics' ? [] : [{ range, objects }];
  });
  return own
    .sort((a, b) => a.range.from - b.range.from)
    .map(({ range, objects }) => {
      const postings = objects.reduce((sum, o) => sum + (o.table === 'postings' ? o.rows : 0), 0);
      const wanted = objects.filter((o) => o.table === 'postings' || o.table === 'features');
      return item(range, postings + range.to - range.from, wanted);
    });
}

function pad(feature: number): string {
  return String(feature).padStart(8, '0');
}
