// `assay sae probe`: what a dictionary's features tell of labels.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { saeProbeDocument } from '../../schemas/documents/sae-probe.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { routingOf } from '../../reading/dictionary/routing.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { probeText } from '../render/probe-text.js';
import { routedNote } from '../render/routed-text.js';

interface SaeProbeOptions {
  readonly dict: string;
  readonly labels?: string;
  readonly firstLetter?: true;
  readonly rows: number;
  readonly bootstrap: number;
  readonly seed: number;
}

export const saeProbe = defineCommand({
  arguments: '<dict>',
  description:
    'how well few features tell labels, against as many neurons and all activations; splitting and absorption',
  examples: [
    ['assay sae probe kjv/kjv-l2 --first-letter', 'the letter that a token begins with, as SAEBench asks it'],
    ['assay sae probe kjv/kjv-l2 --labels labels.jsonl --json', 'one {"id", "label"} or {"id", "pos", "label"} a line'],
  ],
  options: (command) => {
    command
      .option('--labels <file>', 'labels of documents or tokens, a JSON object a line')
      .option('--first-letter', 'the class of a token is its first letter')
      .option('--rows <n>', 'most rows of a class, and as many others, to fit and to score', wholeNumber(20), 1000)
      .option('--bootstrap <n>', 'resamples of documents for the intervals', wholeNumber(1), 1000)
      .option('--seed <n>', 'of the rows that are drawn and of the resamples', wholeNumber(0), 0);
  },
  request: ([dict], flags: Omit<SaeProbeOptions, 'dict'>) => ({ ...flags, dict }),
  run: probe,
});

async function probe(options: SaeProbeOptions, context: CommandContext): Promise<number> {
  const { output, io, environment } = context;
  const { labels, firstLetter, rows: most, bootstrap: resamples, seed } = options;
  if ((labels === undefined) === (firstLetter === undefined))
    throw new InputError(
      `Expected either --labels or --first-letter, found ${labels === undefined ? 'neither' : 'both'}; they say which classes are asked for.`,
    );
  const source = await sourceOf(labels, context);
  const store = await context.openStore();
  const name = await resolveDictionary(store, options.dict);
  // Loaded on demand: help does not need what reads tables.
  const { probeDictionary } = await import('../../reading/probe/probe-dictionary.js');
  const document = await probeDictionary(store, {
    ...{ name, source, labels: labels ?? 'first-letter', most, resamples, seed, signal: io.signal },
    cacheFolder: join(environment.cacheFolder, 'cache'),
    progress: (doing) => {
      output.progress(doing);
    },
    blocking: io.blocking,
  });
  output.result(saeProbeDocument, document, () => probeText(document));
  const routed = routedNote(document.dictionary, await routingOf(store, name));
  if (routed !== null) output.note(routed);
  return EXIT.done;
}

async function sourceOf(labels: string | undefined, { io }: CommandContext) {
  const { firstLetters, parseLabelSource } = await import('../../reading/probe/label-source.js');
  if (labels === undefined) return firstLetters;
  const path = resolve(io.cwd, labels);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new InputError(`Cannot read the labels "${path}": ${(error as Error).message}. Give --labels a file.`, {
      path,
    });
  });
  return parseLabelSource(text, labels);
}
