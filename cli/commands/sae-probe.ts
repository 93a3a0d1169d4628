// `assay sae probe`: what a dictionary's features tell of labels, beside neurons and whole activations.
import { Option } from 'commander';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { saeProbeDocument } from '../../schemas/documents/sae-probe.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import type { Split } from '../../schemas/stages.js';
import { routingOf } from '../../reading/dictionary/routing.js';
import type { LabelsGiven } from '../../reading/probe/given-labels.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { probeText } from '../render/probe-text.js';
import { routedNote } from '../render/routed-text.js';

interface SaeProbeOptions {
  readonly dict: string;
  readonly labels?: string;
  readonly firstLetter?: boolean;
  readonly rows: number;
  readonly fitOn: Split;
  readonly bootstrap: number;
  readonly seed: number;
  readonly maxBytes: number;
}

/** Rows of a class below which nothing is probed. */
const FEWEST_ROWS = 10;

export const saeProbe = defineCommand({
  arguments: '<dict>',
  description: 'probe labels with 1, 2 and 5 features, beside neurons and whole activations; splitting and absorption',
  examples: [
    ['assay sae probe kjv/kjv-l2 --first-letter', "the first letters of tokens: needs nobody's labels"],
    ['assay sae probe kjv/kjv-l2 --labels books.jsonl', 'lines {"id": "genesis-1", "label": "law"}'],
    ['assay sae probe kjv/kjv-l2 --first-letter --json', 'as JSON'],
  ],
  options: (command) => {
    command
      .option('--labels <file>', 'JSON lines with id and label, of tokens with pos; - for standard input')
      .option('--first-letter', 'the label of a token is the first letter of its word')
      .option('--rows <n>', 'most rows of a class in each split', wholeNumber(FEWEST_ROWS), 1000)
      .addOption(new Option('--fit-on <split>', 'documents to fit probes on').choices(['fit', 'calib']).default('fit'))
      .option('--bootstrap <n>', 'resamples of documents for the intervals', wholeNumber(1), 1000)
      .option('--seed <n>', 'of the drawn rows and of the resamples', wholeNumber(0), 0)
      .option('--max-bytes <n>', 'activations of a split that rows are drawn from', wholeNumber(1), 2 ** 33);
  },
  request: ([dict], flags: Omit<SaeProbeOptions, 'dict'>) => ({ ...flags, dict }),
  run: probe,
});

async function probe(options: SaeProbeOptions, context: CommandContext): Promise<number> {
  const { output, io, environment } = context;
  const labels = await givenLabels(options, context);
  const store = await context.openStore();
  const name = await resolveDictionary(store, options.dict);
  const { rows, fitOn: fit, bootstrap: resamples, seed, maxBytes: mostBytes } = options;
  // Loaded on demand: help does not need the Arrow library.
  const { probeDictionary } = await import('../../reading/probe/probe-dictionary.js');
  const document = await probeDictionary(store, {
    ...{ name, labels, fit, rows, resamples, seed, mostBytes, signal: io.signal },
    cacheFolder: join(environment.cacheFolder, 'cache'),
    progress: (doing) => {
      output.progress(doing);
    },
  });
  output.result(saeProbeDocument, document, () => probeText(document));
  const routed = routedNote(document.dictionary, await routingOf(store, name));
  if (routed !== null) output.note(routed);
  return EXIT.done;
}

/** What is given is read and checked before the store is opened. */
async function givenLabels({ labels, firstLetter }: SaeProbeOptions, { io }: CommandContext): Promise<LabelsGiven> {
  if ((labels === undefined) === (firstLetter !== true))
    throw new InputError(
      `Expected --labels FILE or --first-letter, found ${labels === undefined ? 'neither' : 'both'}; give one of them.`,
    );
  if (labels === undefined) return { from: 'first-letter' };
  const { parseLabelLines } = await import('../../reading/probe/label-lines.js');
  const file = labels === '-' ? 'standard input' : labels;
  const text = labels === '-' ? await io.stdin() : await readText(labels, io.cwd);
  return { from: 'file', file, given: parseLabelLines(text, file) };
}

async function readText(file: string, cwd: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), 'utf8');
  } catch (error) {
    passMachineFault(error);
    throw new InputError(`Expected a file of labels at ${file}, found none that can be read; check the path.`, {
      file,
    });
  }
}
