// Everything that a training plans after its tokens: the streams that its models share, and the models.
import type { KeyPreimage } from '../../core/identity/digest.js';
import { modelParameters } from '../../core/language-model/architectures.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { getCommit } from '../../storage/records/commits.js';
import type { StreamConfig } from '../../stages/stream/config.js';
import { datasetNames } from '../../stages/dataset-names.js';
import type { PinnedReader } from './pinned.js';
import type { DatasetUnit, StageUnits, UnitGroup } from './stage-units.js';
import { planStreamItem, planStreamKey } from '../../stages/stream/plan.js';
import { LARGEST_INLINE_BYTES } from '../../stages/language-model/external-weights.js';
import { inputsOf, planModelItem, planModelKey, type ModelStreams } from '../../stages/language-model/plan.js';
import type { ResolvedModel, ResolvedTraining } from '../resolve/resolve-training.js';

/** Name of the dataset that is a trained model. */
export function modelDataset(training: string, model: string): string {
  return `${training}/models/${model}`;
}

/** The streams of all models, each once; null before the tokens are complete. */
export async function streamUnits(training: ResolvedTraining, pinned: PinnedReader): Promise<StageUnits | null> {
  const names = datasetNames(training.tokens.run);
  const corpus = await pinned(names.corpus);
  const tokens = await pinned(names.tokens);
  if (!corpus || !tokens) return null;
  const growing: Growing = { groups: [], datasets: [], preimages: [] };
  const used = new Map<string, number>();
  for (const config of streamConfigs(training)) {
    const item = planStreamItem({
      config,
      corpus: corpus.commits,
      tokens: tokens.commits,
      segments: { corpus: corpus.segments, tokens: tokens.segments },
    });
    if (!item) continue;
    const { key, preimage } = planStreamKey(config);
    const name = `${training.name}/stream-${config.keyed.splits.join('-')}`;
    const times = (used.get(name) ?? 0) + 1;
    used.set(name, times);
    const dataset = times === 1 ? name : `${name}-${times}`;
    const tables = config.keyed.lossWeights ? ['stream', 'weights'] : ['stream'];
    growing.groups.push({ group: key, units: [{ item, config }] });
    growing.datasets.push({ dataset, tables, key, group: key });
    growing.preimages.push(preimage);
  }
  return { stage: 'stream', ...growing };
}

interface Growing {
  readonly groups: UnitGroup[];
  readonly datasets: DatasetUnit[];
  readonly preimages: KeyPreimage[];
}

/** The different streams that the models read. */
function streamConfigs({ models }: ResolvedTraining): StreamConfig[] {
  const byKey = new Map<string, StreamConfig>();
  for (const { streams } of models)
    for (const config of [streams.training, streams.calib, streams.test]) byKey.set(planStreamKey(config).key, config);
  return [...byKey.values()];
}

/** What the stream stage has committed: its objects by stage key. */
type Committed = ReadonlyMap<string, readonly ObjectRecord[]>;

/** The committed objects of every planned stream; null where one is missing. */
export async function committedStreams(store: ObjectStore, units: StageUnits): Promise<Committed | null> {
  const found = new Map<string, readonly ObjectRecord[]>();
  for (const { item } of units.groups.flatMap((group) => group.units)) {
    const key = item.keys[0] ?? '';
    const commit = await getCommit(store, { stage: 'stream', key, input: item.input });
    if (!commit) return null;
    found.set(key, commit.objects);
  }
  return found;
}

/** The models: one unit per key, a dataset per name. */
export function modelUnits(training: ResolvedTraining, streams: Committed): StageUnits {
  const growing: Growing = { groups: [], datasets: [], preimages: [] };
  for (const model of training.models) {
    const own = streamsOf(model, streams);
    const { key, preimage } = planModelKey(model.config, inputsOf(own));
    growing.datasets.push({
      dataset: modelDataset(training.name, model.name),
      tables: tablesOf(model),
      key,
      group: key,
    });
    if (growing.groups.some(({ group }) => group === key)) continue;
    const { config } = model;
    growing.groups.push({ group: key, units: [{ item: planModelItem(config, own), config }] });
    growing.preimages.push(preimage);
  }
  return { stage: 'language-model', ...growing };
}

function tablesOf({ config }: ResolvedModel): string[] {
  const outside = 4 * parameterCount(config.keyed.model) > LARGEST_INLINE_BYTES;
  return ['model', ...(outside ? ['model-data'] : []), 'weights', 'training'];
}

/** Numbers that a model learns. */
export function parameterCount(spec: ResolvedModel['config']['keyed']['model']): number {
  return modelParameters(spec).reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
}

/** @throws InputError where there is nothing to train on */
function streamsOf({ name, streams }: ResolvedModel, committed: Committed): ModelStreams {
  const object = (config: StreamConfig, table: string): ObjectRecord | null =>
    committed.get(planStreamKey(config).key)?.find((o) => o.table === table) ?? null;
  const training = object(streams.training, 'stream');
  if (!training || training.rows === 0)
    throw new InputError(
      `Model "${name}": expected documents in the splits ${streams.training.keyed.splits.join(', ')} to train on, found none; correct corpus.split or training.splits.`,
      { model: name, splits: streams.training.keyed.splits },
    );
  return {
    training,
    weights: object(streams.training, 'weights'),
    calib: object(streams.calib, 'stream'),
    test: object(streams.test, 'stream'),
  };
}
