// Plans the trainings of language models: the key of a model and the item that makes it. Pure.
import { digestOf, stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { LanguageModelConfig, LanguageModelInputs } from './config.js';
import type { WorkItem } from '../stage.js';

/** Raised whenever the bytes that a training writes change. */
export const LANGUAGE_MODEL_VERSION = 1;

/** Key of one model's training on given streams, and what it was made of. */
export function planModelKey(
  config: LanguageModelConfig,
  inputs: LanguageModelInputs,
): { readonly key: string; readonly preimage: KeyPreimage } {
  const preimage = {
    stage: 'language-model',
    stageVersion: LANGUAGE_MODEL_VERSION,
    config: config.keyed,
    inputs,
  };
  return { key: stageKey(preimage), preimage };
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
    keys: [planModelKey(config, inputs).key],
    input: digestOf(inputs),
    inputs,
    shard: 'all',
    split: null,
    size: steps * batch * config.keyed.model.contextTokens,
    aux: { objects: [training, weights, calib, test].filter((object) => object !== null) },
  };
}
