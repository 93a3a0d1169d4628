// `assay sae compare`: whether dictionaries found the same features.
import { InvalidArgumentError } from 'commander';
import { join } from 'node:path';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { saeCompareDocument } from '../../schemas/documents/sae-compare.js';
import { EXIT } from '../../schemas/exit.js';
import { defineCommand, type CommandContext } from '../command.js';
import { compareText } from '../render/compare-text.js';

interface SaeCompareOptions {
  readonly dictionaries: readonly string[];
  readonly duplicatesFrom: number;
}

export const saeCompare = defineCommand({
  arguments: '<dict...>',
  description: 'match the features of dictionaries of the same sites one to one: do other seeds find the same ones',
  examples: [
    ['assay sae compare kjv/s-1 kjv/s-2 kjv/s-3', 'three seeds, every two of them'],
    ['assay sae compare kjv/s-1 other/s-1 --json', 'dictionaries of two runs, as JSON'],
  ],
  options: (command) => {
    command.option('--duplicates-from <cosine>', 'cosine from which a row repeats an earlier one', cosineOf, 0.9);
  },
  request: ([dictionaries], flags: Omit<SaeCompareOptions, 'dictionaries'>) => ({ ...flags, dictionaries }),
  run: compare,
});

function cosineOf(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a cosine above 0 and at most 1.');
}

async function compare({ dictionaries, duplicatesFrom }: SaeCompareOptions, context: CommandContext): Promise<number> {
  const { output, io, environment } = context;
  const store = await context.openStore();
  const names = await Promise.all(dictionaries.map((given) => resolveDictionary(store, given)));
  // Loaded on demand: help does not need ONNX Runtime.
  const { compareDictionaries } = await import('../../reading/compare/compare-dictionaries.js');
  const comparison = await compareDictionaries(store, {
    ...{ names, threshold: duplicatesFrom, signal: io.signal },
    cacheFolder: join(environment.cacheFolder, 'cache'),
    progress: (doing) => {
      output.progress(doing);
    },
  });
  output.result(saeCompareDocument, comparison, () => compareText(comparison));
  return EXIT.done;
}
