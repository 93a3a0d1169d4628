// What the stages see of a run, or of a training by `model train`: everything that is resolved, and nothing of where it came from.
import type { ResolvedRun } from '../schemas/resolved-run.js';
import type { ResolvedModel, ResolvedTraining } from '../schemas/resolved-training.js';
import type { Split } from '../schemas/stages.js';
import type { SplitRule, StoredFile, Part } from '../schemas/stored.js';
import type { StoreOptions } from '../storage/objects/s3-client.js';

/** What the corpus and tokens stages read. */
export interface CorpusRun {
  readonly name: string;
  readonly file: {
    readonly seed: number;
    readonly corpus: ResolvedRun['file']['corpus'] & { readonly split: SplitRule };
    readonly storeOptions?: StoreOptions | undefined;
  };
  readonly limitDocuments: number | null;
  readonly parts: readonly Part[];
  readonly model: { readonly tokenizer: StoredFile };
}

/** How a dictionary is measured. */
export interface EvaluationRequest {
  readonly dictionary: string;
  readonly split: Split;
  /** Resamples of documents for intervals. */
  readonly resamples: number;
  /** Keys the resamples and the random control. */
  readonly seed: number;
  /** The run whose documents are taken; null: its own. */
  readonly corpus: ResolvedRun | null;
  /** Dictionaries of the run that stand in the model's place together with it where cross-entropy is measured; left out: none. */
  readonly together?: readonly string[];
  /** The same dictionary of a run on the model without training, as it was evaluated; left out: none. */
  readonly randomModel?: RandomModelControl;
}

export interface RandomModelControl {
  /** `RUN/DICT`. */
  readonly dictionary: string;
  /** Its `evaluation` table. */
  readonly table: StoredFile;
}

/** One run or training, as the stages plan it. */
export interface Work {
  readonly name: string;
  readonly revision: number;
  /** The corpus to tokenise; null where the tokens of another run are taken. */
  readonly corpus: CorpusRun | null;
  /** Whose tokens are read. */
  readonly tokens: { readonly run: string; readonly revision: number };
  /** Language models to train. */
  readonly models: readonly ResolvedModel[];
  /** What to extract, train and index; null for a training of language models alone. */
  readonly extraction: ResolvedRun | null;
  /** Dictionaries of the run to measure; left out: none. */
  readonly evaluations?: readonly EvaluationRequest[];
}

export function workOfRun(run: ResolvedRun): Work {
  const { name, revision, model } = run;
  const { evaluation } = run.file;
  return {
    ...{ name, revision, corpus: run, tokens: { run: name, revision } },
    models: 'trained' in model ? [model.trained] : [],
    extraction: run,
    ...(evaluation && { evaluations: evaluationsOf(run, evaluation) }),
  };
}

/** Each dictionary by itself, then each list of those that are measured together. */
function evaluationsOf(
  run: ResolvedRun,
  { together = [], ...options }: NonNullable<ResolvedRun['file']['evaluation']>,
): EvaluationRequest[] {
  const lists = [...run.dictionaries.map(({ name }) => [name]), ...together];
  return lists.map(([dictionary = '', ...others]) => ({
    ...{ dictionary, ...options, corpus: null },
    ...(others.length > 0 && { together: others }),
  }));
}

export function workOfTraining(training: ResolvedTraining): Work {
  const { name, revision, corpus, tokens, models } = training;
  return { name, revision, corpus, tokens, models, extraction: null };
}
