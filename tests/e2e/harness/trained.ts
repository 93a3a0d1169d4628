// Run files that train a small model of their own, for tests of models in runs and of suites.
import type { ProjectOptions } from './project.js';

/** The model section of a run that trains a model of two layers for `steps` steps; placeholders may stand for numbers. */
export function trainedModel(
  steps: number,
  { seed = 1, lr = 0.003 }: { readonly seed?: number | string; readonly lr?: number | string } = {},
): Record<string, unknown> {
  return {
    onnx: undefined,
    contextTokens: 32,
    prepend: '<|endoftext|>',
    train: {
      model: { architecture: 'gpt2', layers: 2, width: 32, heads: 2, seed },
      training: { steps, batch: 8, schedule: { lr }, clipNorm: null, prepend: '<|endoftext|>' },
    },
  };
}

/** A dictionary of the last block's output. */
export const DICTIONARY = {
  name: 'sae',
  hook: 'blocks.1.hook_resid_post',
  features: 64,
  k: 4,
  tokens: 10_000,
  batchRows: 256,
};

/** A run over the small corpus that trains its own model and a dictionary of it. */
export function trainedRun(steps: number): NonNullable<ProjectOptions['run']> {
  return {
    model: trainedModel(steps),
    activations: { hooks: [DICTIONARY.hook], batchTokens: 2048 },
    saes: [DICTIONARY],
  };
}
