// `assay top`: the strongest examples of a feature.
import { leftOutNote } from '../render/left-out-text.js';
import { join } from 'node:path';
import { topDocument } from '../../schemas/documents/features.js';
import { EXIT } from '../../schemas/exit.js';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { featureNumber } from '../feature-number.js';
import { topText } from '../render/top-text.js';
import { routedNote } from '../render/routed-text.js';
import { unbeatenNote } from '../render/unbeaten-text.js';

interface TopOptions {
  readonly dict: string;
  readonly feature: number;
  /** Examples. */
  readonly k: number;
  /** Tokens on either side. */
  readonly context: number;
}

export const top = defineCommand({
  arguments: '<dict> <feature>',
  description: 'the strongest examples of a feature, with the tokens on which it fires highlighted',
  examples: [
    ['assay top kjv-l2 77', 'ten examples'],
    ['assay top kjv/kjv-l2 77 --k 3 --context 40 --json', 'three, with more text, as JSON'],
  ],
  options: (command) => {
    command
      .option('--k <n>', 'examples', wholeNumber(1), 10)
      .option('--context <n>', 'tokens on either side', wholeNumber(0), 16);
  },
  request: ([dict, feature], flags: Pick<TopOptions, 'k' | 'context'>) => ({
    ...flags,
    dict,
    feature: featureNumber(feature),
  }),
  run: showTop,
});

async function showTop(options: TopOptions, context: CommandContext): Promise<number> {
  const { output, io, environment } = context;
  const store = await context.openStore();
  const name = await resolveDictionary(store, options.dict);
  // Loaded on demand: help does not need the Arrow library.
  const { readTop } = await import('../../reading/dictionary/top.js');
  const cacheFolder = join(environment.cacheFolder, 'cache');
  const { document, note, leftOut } = await readTop(store, { ...options, name, cacheFolder, signal: io.signal });
  output.result(topDocument, document, () => topText(document));
  const marks = [unbeatenNote(document.dict, document.unbeaten), routedNote(document.dict, document.routed)];
  for (const said of [note, leftOutNote(leftOut), ...marks]) if (said !== null) output.note(said);
  return EXIT.done;
}
