// What parts of a run must be to each other: tokenizer and model, contexts and positions, dictionaries that are measured together.
import type { TokenizerSummary } from '../../core/corpus/tokenizer/summary.js';
import type { ModelStructure } from '../../models/open-model.js';
import { InputError } from '../../schemas/errors.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { RunFile } from '../../schemas/run-file.js';
import { dictionaryNamed, refuseTwice } from '../../stages/evaluate/together.js';

/** Where the user's files lie. */
export interface ModelPlaces {
  /** Null where the run trains its model. */
  readonly model: string | null;
  readonly tokenizer: string;
}

/** @throws InputError where what is stored of a context would depend on the contexts beside it */
export function refuseDynamic({ dynamicQuantisation }: ModelStructure, { model }: ModelPlaces): void {
  if (dynamicQuantisation === 0) return;
  throw new InputError(
    `Expected a model whose values of a context do not depend on its batch, found ${model ?? ''} quantised dynamically: ${dynamicQuantisation} activations get their scale from the whole batch. Quantise its weights alone (MatMulNBits, or DequantizeLinear of stored weights), or take the float model.`,
    { dynamicQuantisation },
  );
}

export function checkVocabulary(
  { summary }: { readonly summary: TokenizerSummary },
  model: ModelStructure,
  places: ModelPlaces,
): void {
  if (model.firstId > 0)
    throw new InputError(
      `The model ${places.model ?? 'that the run trains'} takes token ids from ${model.firstId} on (it shifts them before its table), the tokenizer ${places.tokenizer} counts them from 0. Export the model so that it takes the tokenizer's ids.`,
      { firstId: model.firstId },
    );
  if (summary.vocabSize <= model.vocab) return;
  throw new InputError(
    `The tokenizer ${places.tokenizer} has ${summary.vocabSize} token ids, the model ${places.model ?? 'that the run trains'} embeds only ${model.vocab}. Give the tokenizer that belongs to the model.`,
    { tokenizer: summary.vocabSize, model: model.vocab },
  );
}

export function checkDropTokens(file: RunFile, { summary }: { readonly summary: TokenizerSummary }): void {
  const beyond = file.activations.dropTokens?.find((id) => id >= summary.vocabSize);
  if (beyond === undefined) return;
  throw new InputError(
    `activations.dropTokens: expected token ids below ${summary.vocabSize}, found ${beyond}; give ids of this tokenizer.`,
    { field: 'activations.dropTokens', id: beyond, vocabSize: summary.vocabSize },
  );
}

/** @param family of a model whose graph we wrote: then config.json is what limits it */
export function checkContext(file: RunFile, { maxPositions }: ModelStructure, family: string | null): void {
  const { contextTokens } = file.model;
  if (maxPositions === null || contextTokens <= maxPositions) return;
  const limit =
    family === null ? `position table has ${maxPositions} rows` : `config.json allows ${maxPositions} positions`;
  throw new InputError(
    `model.contextTokens is ${contextTokens}, but the model's ${limit}. Set model.contextTokens to ${maxPositions} or less.`,
    { contextTokens, maxPositions },
  );
}

/** Lists of `evaluation.together`. @throws InputError with the field where one names no dictionary, or two that write one site */
export function checkTogether(run: ResolvedRun): void {
  for (const [i, names] of (run.file.evaluation?.together ?? []).entries())
    try {
      refuseTwice(names.map((name) => dictionaryNamed(run, name)));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(`evaluation.together[${i}]: ${error.message}`, error.details, { cause: error });
    }
}
