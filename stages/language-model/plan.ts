// Plans the trainings of language models: the key of a model and the item that makes it. Pure.
import { digestOf } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { LanguageModelConfig, LanguageModelInputs } from './config.js';
import type { ResolvedModel } from '../../schemas/resolved-training.js';
import { keyOf } from '../definition.js';
import type { WorkItem } from '../stage.js';
import type { PinnedReader, Step, StepUnits } from '../step.js';
import type { StreamConfig } from '../stream/config.js';
import { planStreamItems, streamKey } from '../stream/plan.js';
import { plannedStreams } from '../stream/stage.js';
import type { Work } from '../work.js';
import { languageModelStage, modelDataset, tablesOf } from './stage.js';

/** Everything that the step plans, a unit per key and a dataset per name; null while a stream is not complete. */
export async function planModels(work: Work, step: Step, pinned: PinnedReader): Promise<StepUnits | null> {
  const objects = await streamObjects(work, pinned);
  if (!objects) return null;
  const planned = work.models.map((model) => {
    const streams = streamsOf(model, objects);
    return { model, streams, ...modelKey(model.config, inputsOf(streams)) };
  });
  const different = planned.filter(({ key }, i) => planned.findIndex((other) => other.key === key) === i);
  return {
    stage: step.stage,
    groups: different.map(({ key, model: { config }, streams }) => ({
      group: key,
      units: [{ item: planModelItem(config, streams), config }],
    })),
    datasets: planned.map(({ key, model }) => ({
      dataset: modelDataset(work.name, model.name),
      tables: tablesOf(model),
      key,
      group: key,
    })),
    preimages: different.map(({ preimage }) => preimage),
  };
}

/** The committed objects of every stream by its key; null where a stream that has documents is not complete. */
async function streamObjects(
  work: Work,
  pinned: PinnedReader,
): Promise<ReadonlyMap<string, readonly ObjectRecord[]> | null> {
  const items = await planStreamItems(work, pinned);
  if (!items) return null;
  const found = new Map<string, readonly ObjectRecord[]>();
  for (const { key, dataset } of plannedStreams(work)) {
    if (!items.has(key)) continue;
    const stream = await pinned(dataset);
    if (!stream) return null;
    found.set(
      key,
      stream.commits.flatMap((commit) => commit.objects),
    );
  }
  return found;
}

/** @throws InputError where there is nothing to train on */
function streamsOf(
  { name, streams }: ResolvedModel,
  committed: ReadonlyMap<string, readonly ObjectRecord[]>,
): ModelStreams {
  const object = (config: StreamConfig, table: string): ObjectRecord | null =>
    committed.get(streamKey(config).key)?.find((o) => o.table === table) ?? null;
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

/** Key of one model's training on given streams, and what it was made of. */
export function modelKey(config: LanguageModelConfig, inputs: LanguageModelInputs): ReturnType<typeof keyOf> {
  return keyOf(languageModelStage, config.keyed, inputs);
}

/** The streams that a model is trained on and measured with; null where a split has no documents. */
export interface ModelStreams {
  readonly training: ObjectRecord;
  readonly weights: ObjectRecord | null;
  readonly calib: ObjectRecord | null;
  readonly test: ObjectRecord | null;
}

/** Digests of the streams. */
export function inputsOf(streams: ModelStreams): LanguageModelInputs {
  const { training, weights, calib, test } = streams;
  return {
    training: training.sha256,
    weights: weights?.sha256 ?? null,
    calib: calib?.sha256 ?? null,
    test: test?.sha256 ?? null,
  };
}

/** The item that trains a model. Its objects: one for each digest of its inputs. */
export function planModelItem(config: LanguageModelConfig, streams: ModelStreams): WorkItem<LanguageModelInputs> {
  const inputs = inputsOf(streams);
  const { steps, batch } = config.keyed.training;
  const { training, weights, calib, test } = streams;
  return {
    stage: 'language-model',
    keys: [modelKey(config, inputs).key],
    input: digestOf(inputs),
    inputs,
    shard: 'all',
    split: null,
    size: steps * batch * config.keyed.model.contextTokens,
    aux: { objects: [training, weights, calib, test].filter((object) => object !== null) },
  };
}
