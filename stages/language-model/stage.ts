// The language-model stage: small language models trained by our own gradients on streams of tokens.
import { modelParameters } from '../../core/language-model/architectures.js';
import type { ResolvedModel } from '../../schemas/resolved-training.js';
import type { StageDefinition } from '../definition.js';
import { cores, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import { plannedStreams } from '../stream/stage.js';
import { languageModelConfig, type LanguageModelConfig } from './config.js';
import { LARGEST_INLINE_BYTES } from './external-weights.js';

export const languageModelStage: StageDefinition<LanguageModelConfig> = {
  name: 'language-model',
  version: 1,
  config: languageModelConfig,
  queue: 'compute',
  maxLotSize: 1,
  chained: true,
  unit: 'tokens',
  // One model of many that ran into NaN does not end the others.
  mayQuarantine: () => true,
  steps: (work) => {
    if (work.models.length === 0) return [];
    const reads = plannedStreams(work).map(({ dataset }) => dataset);
    const makes = work.models.map((model) => ({
      dataset: modelDataset(work.name, model.name),
      tables: tablesOf(model),
      key: null,
    }));
    return [stepOf('language-model', null, { reads, makes })];
  },
  estimate: ({ models }) => {
    const seconds = models.map(({ config: { keyed } }) => {
      const tokens = keyed.training.steps * keyed.training.batch * keyed.model.contextTokens;
      // Forward and backward: six operations per parameter and token.
      return (6 * parameterCount(keyed.model) * tokens) / SPEED.flops;
    });
    return {
      items: models.length,
      bytes: models.reduce((n, { config }) => n + 8 * parameterCount(config.keyed.model), 0),
      seconds: seconds.reduce((a, b) => a + b, 0) / Math.min(cores(), Math.max(1, models.length)),
    };
  },
};

/** Name of the dataset that is a trained model. */
export function modelDataset(work: string, model: string): string {
  return `${work}/models/${model}`;
}

/** Tables of a model's dataset: `model-data` where its weights lie outside the ONNX file. */
export function tablesOf({ config }: ResolvedModel): string[] {
  const outside = 4 * parameterCount(config.keyed.model) > LARGEST_INLINE_BYTES;
  return ['model', ...(outside ? ['model-data'] : []), 'weights', 'training'];
}

/** Numbers that a model learns. */
export function parameterCount(spec: LanguageModelConfig['keyed']['model']): number {
  return modelParameters(spec).reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
}
