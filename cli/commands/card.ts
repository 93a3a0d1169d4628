// `assay card`: what a person needs to name a feature, in the terminal or as a page.
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { cardDocument } from '../../schemas/documents/cards.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import type { CardChoice } from '../../reading/card/read-cards.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { featureNumber } from '../feature-number.js';
import { cardsText } from '../render/card-text.js';
import { leftOutNote } from '../render/left-out-text.js';
import { bytesText, counted } from '../render/quantities.js';
import { routedNote } from '../render/routed-text.js';
import { unbeatenNote } from '../render/unbeaten-text.js';

interface CardOptions {
  readonly html?: string;
  readonly sample?: number;
  readonly key?: string;
  /** Examples of each band in the terminal. */
  readonly k: number;
  /** Tokens on either side. */
  readonly context: number;
}

/** Of a draw for which nobody names one. */
const KEY = 'assay';

export const card = defineCommand({
  arguments: '<dict> [feature]',
  description: 'a feature at a glance: histogram, tokens, examples of all bands of values, neighbours',
  examples: [
    ['assay card kjv-l2 77', 'one example of each of ten bands of values'],
    ['assay card kjv-l2 77 --html 77.html', 'as one page that needs nothing else, with a picture'],
    ['assay card kjv-l2 --sample 3 --key tuesday', 'three of those that fire, drawn by a key'],
  ],
  options: (command) => {
    command
      .option('--html <file>', 'write a page instead')
      .option('--sample <n>', 'draw so many features that fire, in the place of a number', wholeNumber(1))
      .option('--key <text>', `what the draw depends on (default: ${KEY})`)
      .option('--k <n>', 'examples shown of each band; the page and --json have all', wholeNumber(1), 1)
      .option('--context <n>', 'tokens on either side of an example', wholeNumber(0), 12);
  },
  request: ([dict, feature], flags: CardOptions) => ({ ...flags, dict, choice: choiceOf(feature, flags) }),
  run: show,
});

function choiceOf(feature: string | undefined, { sample, key }: CardOptions): CardChoice {
  if (feature === undefined) {
    if (sample !== undefined) return { sample, key: key ?? KEY };
    throw new InputError(
      'Expected the number of a feature, or --sample to draw some, found neither; give one of them.',
    );
  }
  const number = featureNumber(feature);
  if (sample === undefined && key === undefined) return { feature: number };
  const other = sample === undefined ? `--key ${key ?? ''}` : `--sample ${sample}`;
  throw new InputError(`Expected feature ${number} or ${other}, found both; give one of them.`, { feature: number });
}

async function show(
  options: CardOptions & { readonly dict: string; readonly choice: CardChoice },
  context: CommandContext,
): Promise<number> {
  const { output, io, environment } = context;
  const store = await context.openStore();
  const name = await resolveDictionary(store, options.dict);
  // Loaded on demand: help does not need the Arrow library.
  const { readCards } = await import('../../reading/card/read-cards.js');
  const { choice, context: around, k, html } = options;
  const cacheFolder = join(environment.cacheFolder, 'cache');
  const { document, note, leftOut } = await readCards(store, { name, choice, around, cacheFolder, signal: io.signal });
  const marks = [unbeatenNote(document.dict, document.unbeaten), routedNote(document.dict, document.routed)];
  const mark = marks.filter((one) => one !== null).join(' ') || null;
  if (html === undefined) output.result(cardDocument, document, () => cardsText(document, k));
  else {
    const path = resolve(io.cwd, html);
    const { cardsHtml } = await import('../render/card-html.js');
    const page = cardsHtml(document, mark);
    await writePage(path, page);
    const said = `${counted(document.cards.length, 'card')} of ${document.dict} in ${path}, ${bytesText(Buffer.byteLength(page))}`;
    output.result(cardDocument, { ...document, html: path }, () => said);
  }
  for (const said of [note, leftOutNote(leftOut), mark]) if (said !== null) output.note(said);
  return EXIT.done;
}

async function writePage(path: string, page: string): Promise<void> {
  try {
    await writeFile(path, page);
  } catch (error) {
    passMachineFault(error);
    throw new InputError(
      `Cannot write the page "${path}": ${(error as Error).message}. Give --html a file in a folder that is there.`,
      { path },
      { cause: error },
    );
  }
}
