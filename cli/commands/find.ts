// `assay find`: the features that fire on a text.
import { join } from 'node:path';
import { findDocument } from '../../schemas/documents/features.js';
import { EXIT } from '../../schemas/exit.js';
import { InputError } from '../../schemas/errors.js';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { routingOf } from '../../reading/dictionary/routing.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { routedNote } from '../render/routed-text.js';
import { findText } from '../render/top-text.js';

interface FindOptions {
  readonly dict: string;
  readonly text: string;
  /** Features shown per token; left out: five, and all of them with --json. */
  readonly k?: number;
}

/** Features that the text shows of a token. */
const SHOWN = 5;

export const find = defineCommand({
  arguments: '<dict> <text>',
  description: 'the features that fire on a text, token by token',
  examples: [
    ['assay find kjv-l2 "In the beginning God created the heaven"', 'the five strongest of each token'],
    ['assay find kjv-l2 "And it came to pass" --json', 'all of them; with --k 3 the three strongest'],
  ],
  options: (command) => {
    command.option('--k <n>', 'features per token, strongest first; default 5, with --json all', wholeNumber(1));
  },
  request: ([dict, text], flags: Pick<FindOptions, 'k'>) => ({ ...flags, dict, text }),
  run: showFound,
});

async function showFound(options: FindOptions, context: CommandContext): Promise<number> {
  const { output, io, environment } = context;
  const { k } = options;
  const text = options.text === '-' ? (await io.stdin()).replace(/\r?\n$/, '') : options.text;
  if (text === '') throw new InputError('Expected a text, found an empty one; give some words.');
  const store = await context.openStore();
  const name = await resolveDictionary(store, options.dict);
  output.progress(`${name.run}/${name.dictionary}: loading the model`);
  // Loaded on demand: help does not need ONNX Runtime.
  const { findFeatures } = await import('../../reading/find/find.js');
  const cacheFolder = join(environment.cacheFolder, 'cache');
  const document = await findFeatures(store, { name, text, cacheFolder, signal: io.signal, blocking: io.blocking });
  const strongest = {
    ...document,
    tokens: document.tokens.map((token) => ({ ...token, features: token.features.slice(0, k) })),
  };
  output.result(findDocument, strongest, () => findText(document, k ?? SHOWN));
  const routed = routedNote(`${name.run}/${name.dictionary}`, await routingOf(store, name));
  if (routed !== null) output.note(routed);
  return EXIT.done;
}
