// `assay sae eval`: a stored dictionary measured beside its controls; what is measured already is read.
import { Option } from 'commander';
import os from 'node:os';
import { join } from 'node:path';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { countLeftOut, evaluationDocument, readEvaluation } from '../../reading/evaluation/read-evaluation.js';
import { saeEvalDocument } from '../../schemas/documents/sae.js';
import { DataError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { SPLITS, type Split } from '../../schemas/stages.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { routingOf } from '../../reading/dictionary/routing.js';
import { evaluationText } from '../render/evaluation-text.js';
import { routedNote } from '../render/routed-text.js';
import { counted, countText } from '../render/quantities.js';

interface SaeEvalOptions {
  readonly dict: string;
  readonly split: Split;
  readonly bootstrap: number;
  readonly seed: number;
  /** Another run, whose documents are measured. */
  readonly corpus?: string;
  /** Further dictionaries of the run. */
  readonly with?: readonly string[];
  /** A run of the same dictionaries on the model without training. */
  readonly randomModel?: string;
}

export const saeEval = defineCommand({
  arguments: '<dict>',
  description: 'measure a dictionary beside controls of equal L0: variance, cross-entropy recovered, features',
  examples: [
    ['assay sae eval kjv/kjv-l2', 'on the test split; a second call reads what the first one stored'],
    ['assay sae eval kjv/kjv-l2 --json', 'as JSON'],
    ['assay sae eval kinds/t0 --with t1 t2 t3', 'cross-entropy with all four in place at once'],
    ['assay sae eval kjv/kjv-l2 --random-model kjv-random', 'beside the same dictionary of a model without training'],
    ['assay sae eval kjv/kjv-l2 --corpus other', "on another run's documents, less those that it was fitted to"],
  ],
  options: (command) => {
    command
      .addOption(new Option('--split <name>', 'documents to measure on').choices(SPLITS).default('test'))
      .option('--bootstrap <n>', 'resamples of documents for the intervals', wholeNumber(1), 1000)
      .option('--seed <n>', 'of the resamples and of the random dictionary', wholeNumber(0), 0)
      .option('--corpus <run>', 'measure on the documents of this run')
      .option(
        '--random-model <run>',
        'compare with the same dictionary of this run, whose model `assay model randomise` wrote',
      )
      .option('--with <names...>', "dictionaries of the same run that stand in the model's place together with it");
  },
  request: ([dict], flags: Omit<SaeEvalOptions, 'dict'>) => ({ ...flags, dict }),
  run: evaluate,
});

async function evaluate(options: SaeEvalOptions, context: CommandContext): Promise<number> {
  const { output, io, environment } = context;
  const store = await context.openStore();
  const name = await resolveDictionary(store, options.dict);
  // Loaded on demand: help does not need the stages.
  const { evaluateDictionary } = await import('../../pipeline/execute/evaluate.js');
  const { split, bootstrap: resamples, seed, with: together = [] } = options;
  const dataset = await evaluateDictionary({
    ...{ store, name, options: { split, resamples, seed, ...(together.length > 0 && { together }) } },
    corpus: options.corpus ?? null,
    randomModel: options.randomModel ?? null,
    ...{ stop: io.signal, environment: io.environment, slots: os.availableParallelism() },
    folder: join(environment.cacheFolder, 'evaluation'),
    reporter: reporterOf(context),
  });
  if (dataset === null) return EXIT.interrupted;
  const stored = await readEvaluation(store, name, dataset);
  if (stored === null)
    throw new DataError(`Expected the evaluation of ${options.dict} to be stored, found none; run the command again.`, {
      dataset,
    });
  const leftOut = options.corpus === undefined ? null : await countLeftOut(store, name, dataset);
  const document = { ...evaluationDocument(stored), ...(leftOut !== null && { leftOut }) };
  if (leftOut !== null)
    output.note(`${counted(leftOut, 'document')} left out: the dictionary was fitted to their text`);
  output.result(saeEvalDocument, document, () => evaluationText(document));
  const routed = routedNote(document.dictionary, await routingOf(store, name));
  if (routed !== null) output.note(routed);
  return EXIT.done;
}

function reporterOf({
  output,
}: CommandContext): Parameters<typeof import('../../pipeline/execute/evaluate.js').evaluateDictionary>[0]['reporter'] {
  let [done, total, title] = [0, 0, ''];
  return {
    begin: ({ id }, _units, todo) => {
      [done, total, title] = [0, todo.length, id];
      if (todo.length > 0) output.note(`${id}: ${counted(todo.length, 'item')} to do`);
    },
    progress: (_step, _item, { rows, tokens }) => {
      const what = rows === undefined ? `${countText(tokens ?? 0)} tokens` : `${countText(rows)} rows`;
      output.progress(`${title}  ${done} of ${total}  ${what}`);
    },
    ended: (_item, failure) => {
      done++;
      if (failure !== null) output.note(failure);
    },
  };
}
