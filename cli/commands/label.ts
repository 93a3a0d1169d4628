// `assay label`: what features are called.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { labelDocument } from '../../schemas/documents/labels.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import type { LabelDocument } from '../../reading/labels/labels.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { featureNumber } from '../feature-number.js';
import type { Io } from '../io.js';
import { labelsText } from '../render/label-text.js';

type Asked =
  | { readonly what: 'list'; readonly feature: number | null; readonly limit: number }
  | { readonly what: 'give'; readonly feature: number; readonly text: string }
  | { readonly what: 'remove'; readonly feature: number }
  | { readonly what: 'file'; readonly from: string };

interface LabelOptions {
  readonly from?: string;
  readonly remove?: boolean;
  readonly limit: number;
}

export const label = defineCommand({
  arguments: '<dict> [feature] [text]',
  description: 'give features a name, or list the names that they have; find, top, features, card and sql show it',
  examples: [
    ['assay label kjv-l2 77 "names of villages"', 'the name of feature 77, in every run with this dictionary'],
    ['assay label kjv-l2 --from labels.csv', 'many: lines of feature,label, or of JSON; all or nothing'],
    ['assay label kjv-l2', 'all names; `assay label kjv-l2 77` shows one'],
    ['assay label kjv-l2 77 --remove', 'the automatic label, where there is one, takes its place'],
  ],
  options: (command) => {
    command
      .option('--from <file>', 'CSV or JSON lines with feature and label; - for standard input')
      .option('--remove', 'remove the label that somebody gave to the feature')
      .option('--limit <n>', 'labels listed', wholeNumber(1), 50);
  },
  request: ([dict, feature, text], flags: LabelOptions) => ({ dict, asked: askedOf({ feature, text }, flags) }),
  run: async ({ dict, asked }, context) => {
    const document = await answer(dict, asked, context);
    context.output.result(labelDocument, document, () => labelsText(document, asked.what));
    return EXIT.done;
  },
});

function askedOf(
  { feature, text }: { readonly feature: string | undefined; readonly text: string | undefined },
  { from, remove = false, limit }: LabelOptions,
): Asked {
  if (from !== undefined) {
    if (feature === undefined && !remove) return { what: 'file', from };
    throw contradiction(`--from ${from}`, feature === undefined ? '--remove' : `feature ${feature}`);
  }
  if (feature === undefined) {
    if (!remove) return { what: 'list', feature: null, limit };
    throw new InputError('Expected the number of a feature beside --remove, found none; name one.');
  }
  const number = featureNumber(feature);
  if (text === undefined)
    return remove ? { what: 'remove', feature: number } : { what: 'list', feature: number, limit };
  if (remove) throw contradiction('--remove', `the text "${text}"`);
  return { what: 'give', feature: number, text };
}

function contradiction(one: string, other: string): InputError {
  return new InputError(`Expected ${one} or ${other}, found both; give one of them.`);
}

async function answer(dict: string, asked: Asked, context: CommandContext): Promise<LabelDocument> {
  const { io } = context;
  // What is given is read and checked before the store is opened.
  const given = await givenLabels(asked, io);
  const store = await context.openStore();
  const name = await resolveDictionary(store, dict);
  // Loaded on demand: help does not need the Arrow library.
  const { giveLabels, listLabels, removeLabel } = await import('../../reading/labels/labels.js');
  const { signal } = io;
  if (given !== null) return giveLabels(store, { name, labels: given, signal });
  if (asked.what === 'remove') return removeLabel(store, { name, feature: asked.feature, signal });
  const { feature, limit } = asked as Extract<Asked, { what: 'list' }>;
  return listLabels(store, { name, feature, limit });
}

async function givenLabels(
  asked: Asked,
  io: Io,
): Promise<readonly { readonly feature: number; readonly label: string }[] | null> {
  if (asked.what === 'give') {
    const { checkedLabel } = await import('../../reading/labels/label-text.js');
    return [{ feature: asked.feature, label: checkedLabel(asked.text, 'for the feature') }];
  }
  if (asked.what !== 'file') return null;
  const { parseLabels } = await import('../../reading/labels/label-file.js');
  const file = asked.from === '-' ? 'standard input' : asked.from;
  return parseLabels(asked.from === '-' ? await io.stdin() : await readText(resolve(io.cwd, asked.from)), file);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    passMachineFault(error);
    throw new InputError(
      `Cannot read the labels "${path}": ${(error as Error).message}. Give the path of a file with lines of feature,label in --from.`,
      { path },
      { cause: error },
    );
  }
}
