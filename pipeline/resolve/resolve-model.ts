// Fills in what a model's section leaves open: sizes by architecture, its own training fields over the shared ones. Pure.
import { checkSpec, type ModelSpec } from '../../core/language-model/model-spec.js';
import { InputError } from '../../schemas/errors.js';
import type { TrainingFile } from '../../schemas/training-file.js';
import type { ModelSection, TrainingSection } from '../../schemas/language-model-sections.js';

/** Defaults that differ by architecture. */
const DEFAULTS: {
  readonly [Name in ModelSpec['architecture']]: {
    readonly tied: boolean;
    readonly activation: ModelSpec['activation'];
    readonly mlpWidth: (width: number) => number;
  };
} = {
  gpt2: { tied: true, activation: 'gelu_tanh', mlpWidth: (width) => 4 * width },
  llama: {
    tied: false,
    activation: 'silu',
    mlpWidth: (width) => 16 * Math.ceil((8 * width) / 3 / 16),
  },
};

/** Rotary positions are llama's alone: elsewhere their base must not change a key. */
const NO_ROPE_BASE = 10_000;

/**
 * The sizes of a model, checked.
 * @param tokenizerIds number of ids of the tokenizer
 * @throws InputError where sizes do not fit together or the embedding has too few rows
 */
export function resolveSpec(section: ModelSection, tokenizerIds: number): ModelSpec {
  const { name, architecture, width, heads } = section;
  const defaults = DEFAULTS[architecture];
  const vocabulary = section.vocabulary ?? tokenizerIds;
  if (vocabulary < tokenizerIds)
    throw new InputError(
      `Model "${name}": expected a vocabulary of at least ${tokenizerIds}, the tokenizer's number of ids, found ${vocabulary}; raise it or leave it out.`,
      { model: name, vocabulary, tokenizer: tokenizerIds },
    );
  const spec: ModelSpec = {
    architecture,
    layers: section.layers,
    width,
    heads,
    keyValueHeads: section.keyValueHeads ?? heads,
    headWidth: section.headWidth ?? width / heads,
    mlpWidth: section.mlpWidth ?? defaults.mlpWidth(width),
    contextTokens: section.contextTokens,
    vocabulary,
    tied: section.tied ?? defaults.tied,
    normEpsilon: section.normEpsilon,
    activation: section.activation ?? defaults.activation,
    ropeBase: architecture === 'llama' ? section.ropeBase : NO_ROPE_BASE,
  };
  checkSpec(spec);
  return spec;
}

/** Training fields of one model with the number of steps settled. */
export type ModelTraining = Omit<TrainingSection, 'steps' | 'tokens'> & { readonly steps: number };

/** The shared fields with the model's own in their place. */
export function resolveModelTraining(shared: TrainingSection, section: ModelSection): ModelTraining {
  const own = section.training ?? {};
  const defined = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const merged = {
    ...shared,
    ...defined,
    optimiser: { ...shared.optimiser, ...own.optimiser },
    schedule: { ...shared.schedule, ...own.schedule },
  };
  const { steps, tokens, ...rest } = merged;
  // A budget of its own stands in for a shared one of the other kind.
  const given = own.tokens === undefined ? (own.steps ?? steps) : undefined;
  const perStep = rest.batch * section.contextTokens;
  return { ...rest, steps: given ?? Math.floor((own.tokens ?? tokens ?? 0) / perStep) };
}

/** The models of a file, whichever way they are given. */
export function modelSections(file: TrainingFile): readonly ModelSection[] {
  return file.models ?? (file.model ? [file.model] : []);
}
