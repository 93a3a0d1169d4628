// `assay features`: the features of a dictionary, sorted and filtered.
import { join } from 'node:path';
import { Option } from 'commander';
import { featuresDocument } from '../../schemas/documents/feature-list.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { featuresText } from '../render/features-text.js';
import { leftOutNote } from '../render/left-out-text.js';
import { routedNote } from '../render/routed-text.js';
import { unbeatenNote } from '../render/unbeaten-text.js';

const SORTS = ['density', 'max', 'n', 'feature', 'match'] as const;

interface FeaturesOptions {
  readonly sort?: (typeof SORTS)[number];
  readonly limit?: number;
  readonly offset: number;
  readonly token?: string;
  readonly like?: number;
  readonly label?: string;
  readonly dead?: boolean;
  readonly dense?: boolean;
}

/** Listed where nobody says how many; as many neighbours as the table keeps. */
const SHOWN = 20;
const NEIGHBOURS = 10;

export const features = defineCommand({
  arguments: '<dict>',
  description: 'the features of a dictionary: how often they fire, on which tokens, what they are called',
  examples: [
    ['assay features kjv-l2', 'the densest twenty, with the tokens on which they fire most'],
    ['assay features kjv-l2 --token " Moses"', 'what fires on a token, with precision and recall'],
    ['assay features kjv-l2 --like 77', 'whose decoder rows are nearest to that of feature 77'],
    ['assay features kjv-l2 --dead --json', 'features that never fire, as JSON'],
    ['assay features kjv-l2 --sort max --limit 50 --offset 50', 'the second fifty by their greatest value'],
  ],
  options: (command) => {
    command
      .addOption(
        new Option(
          '--sort <by>',
          'feature: ascending; the others: descending; match: how well it fits --token or --like (default: match, else density)',
        ).choices(SORTS),
      )
      .option('--limit <n>', `features listed (default: ${SHOWN}; ${NEIGHBOURS} with --like)`, wholeNumber(1))
      .option('--offset <n>', 'features passed over first', wholeNumber(0), 0)
      .option('--token <text>', 'those that fire on this token, with the space before it where it has one')
      .option('--like <feature>', 'those with the nearest decoder rows', wholeNumber(0))
      .option('--label <text>', 'those whose label holds this')
      .option('--dead', 'those that never fire')
      .option('--dense', 'those that fire on more than 10 % of the stored rows');
  },
  request: ([dict], flags: FeaturesOptions) => {
    if (flags.token !== undefined && flags.like !== undefined)
      throw new InputError('Expected --token or --like, found both; give one of them.');
    if (flags.dead && flags.dense)
      throw new InputError('Expected --dead or --dense, found both, which no feature is; give one of them.');
    if (flags.sort === 'match' && flags.token === undefined && flags.like === undefined)
      throw new InputError('Expected --token or --like beside --sort match, found neither; give one of them.');
    return { ...flags, dict };
  },
  run: show,
});

async function show(options: FeaturesOptions & { readonly dict: string }, context: CommandContext): Promise<number> {
  const { output, io, environment } = context;
  const store = await context.openStore();
  const name = await resolveDictionary(store, options.dict);
  // Loaded on demand: help does not need the Arrow library.
  const { listFeatures } = await import('../../reading/features/list-features.js');
  const { sort, limit, offset, token, like, label, dead, dense } = options;
  const { document, note, leftOut } = await listFeatures(store, {
    ...{ name, offset, sort: sort ?? null, token: token ?? null, like: like ?? null, label: label ?? null },
    ...{ dead: dead ?? false, dense: dense ?? false, limit: limit ?? (like === undefined ? SHOWN : NEIGHBOURS) },
    ...{ cacheFolder: join(environment.cacheFolder, 'cache'), signal: io.signal, blocking: io.blocking },
  });
  output.result(featuresDocument, document, () => featuresText(document));
  const marks = [unbeatenNote(document.dict, document.unbeaten), routedNote(document.dict, document.routed)];
  for (const said of [note, leftOutNote(leftOut), ...marks]) if (said !== null) output.note(said);
  return EXIT.done;
}
