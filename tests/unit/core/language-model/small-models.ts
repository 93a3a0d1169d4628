// Sizes of models that build and run in milliseconds.
import type { ModelSpec } from '../../../../core/language-model/model-spec.js';
import type { OptimiserSettings } from '../../../../core/optimise/optimisers/optimiser.js';

export const GPT2: ModelSpec = {
  architecture: 'gpt2',
  layers: 2,
  width: 16,
  heads: 4,
  keyValueHeads: 4,
  headWidth: 4,
  mlpWidth: 24,
  contextTokens: 8,
  vocabulary: 30,
  tied: true,
  normEpsilon: 1e-5,
  activation: 'gelu_tanh',
  ropeBase: 10_000,
};

export const LLAMA: ModelSpec = { ...GPT2, architecture: 'llama', keyValueHeads: 2 };

export const ADAMW: OptimiserSettings = {
  kind: 'adamw',
  betas: [0.9, 0.95],
  epsilon: 1e-8,
  weightDecay: 0.1,
  momentum: 0.9,
  nesterov: false,
};
