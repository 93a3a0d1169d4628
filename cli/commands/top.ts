// `assay top`: the strongest examples of a feature.
import { InvalidArgumentError, type Command } from 'commander';
import { topDocument } from '../../schemas/documents/results.js';
import { EXIT } from '../../schemas/exit.js';
import { InputError } from '../../schemas/errors.js';
import { addCommand, wholeNumber, type CommandContext, type Start } from '../command.js';
import { resolveDictionary } from '../../reading/datasets/datasets.js';
import { topText } from '../render/top-text.js';

export interface TopOptions {
  readonly dict: string;
  readonly feature: number;
  /** Examples. */
  readonly k: number;
  /** Tokens on either side. */
  readonly context: number;
}

export function addTop(program: Command, start: Start): void {
  addCommand(program, 'top <dict> <feature>', {
    description: 'the strongest examples of a feature, with the tokens on which it fires highlighted',
    examples: [
      ['assay top kjv-l2 77', 'ten examples'],
      ['assay top kjv/kjv-l2 77 --k 3 --context 40 --json', 'three, with more text, as JSON'],
    ],
  })
    .option('--k <n>', 'examples', wholeNumber(1), 10)
    .option('--context <n>', 'tokens on either side', wholeNumber(0), 16)
    .action((dict: string, feature: string, flags: { k: number; context: number }) =>
      start((context) => top({ dict, feature: featureNumber(feature), ...flags }, context)),
    );
}

function featureNumber(text: string): number {
  try {
    return wholeNumber(0)(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InputError(`Expected the number of a feature, found "${text}"; features count from 0.`, {
      feature: text,
    });
  }
}

async function top(options: TopOptions, context: CommandContext): Promise<number> {
  const { output, io } = context;
  const store = await context.openStore();
  const name = await resolveDictionary(store, options.dict);
  // Loaded on demand: it brings the Arrow library with it.
  const { readTop } = await import('../../reading/dictionary/top.js');
  const { document, note } = await readTop(store, { ...options, name, signal: io.signal });
  output.result(topDocument, document, () => topText(document, output));
  if (note !== null) output.note(note);
  return EXIT.done;
}
