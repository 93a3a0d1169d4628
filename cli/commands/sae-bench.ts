// `assay sae bench`: trains one dictionary on rows whose features are known and says how many it found.
import os from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { saeBenchDocument } from '../../schemas/documents/bench.js';
import { EXIT } from '../../schemas/exit.js';
import { commaList, defineCommand, wholeNumber, type CommandContext } from '../command.js';
import type { Output } from '../output.js';
import { benchText } from '../render/bench-text.js';

/** Time between two lines of progress without a terminal. */
const LINE_MS = 10_000;

interface SaeBenchOptions {
  readonly generator: 'synth-16k' | 'toy';
  readonly architecture: string;
  readonly features: number | undefined;
  readonly k: number | undefined;
  readonly sparsity: number | undefined;
  readonly l0: number | undefined;
  readonly prefixes: readonly number[] | undefined;
  readonly samples: number | undefined;
  readonly testSamples: number | undefined;
  readonly lr: number | undefined;
  readonly seed: number | undefined;
  readonly trueFeatures: number | undefined;
  readonly width: number | undefined;
  readonly threads: number | undefined;
  readonly dryRun: boolean;
}

export const saeBench = defineCommand({
  arguments: '',
  description: 'train a dictionary on synthetic rows whose true features are known, and measure what it found',
  examples: [
    ['assay sae bench --samples 1000000', 'SynthSAEBench-16k, topk, 4,096 features, 25 per row'],
    ['assay sae bench --generator toy', 'a toy model of superposition, in seconds'],
    ['assay sae bench --true-features 4096 --width 256 --features 1024 --dry-run', 'a smaller one; trains nothing'],
  ],
  options: (command) => {
    command
      .addOption(
        new Option('--generator <name>', 'where rows come from: synth-16k (SynthSAEBench), or toy (Elhage et al. 2022)')
          .choices(['synth-16k', 'toy'])
          .default('synth-16k'),
      )
      .option('--architecture <name>', 'kind of the dictionary, as in a run file', 'topk')
      .option('--features <n>', 'features of the dictionary; default 4096, for toy 40', wholeNumber(1))
      .option('--k <n>', 'features per row, for kinds that take k; default 25, for toy 2', wholeNumber(1))
      .option('--sparsity <x>', 'weight of the penalty, for kinds that take one', positive)
      .option('--l0 <x>', 'features per row to aim at, for kinds that take a target', positive)
      .option('--prefixes <list>', 'sizes of nested dictionaries, separated by commas, for matryoshka', sizes)
      .option('--samples <n>', 'rows to train on, each once; default 1000000, for toy 500000', wholeNumber(1))
      .option('--test-samples <n>', 'rows to measure on; default 100000', wholeNumber(1))
      .option('--lr <x>', 'learning rate; default 0.0003, as published; for toy 0.003', positive)
      .option('--seed <n>', 'seed of the first weights; default 0. The rows do not depend on it', wholeNumber(0))
      .option('--true-features <n>', 'true features of the generator; default 16384, for toy 40', wholeNumber(1))
      .option('--width <n>', 'width of a row; default 768, for toy 20', wholeNumber(1))
      .option('--threads <n>', 'threads of ONNX Runtime; default all cores', wholeNumber(1))
      .option(
        '--dry-run',
        'say what would be trained and how much memory that takes; trains and writes nothing',
        false,
      );
  },
  request: (_, flags: SaeBenchOptions) => flags,
  run: bench,
});

async function bench(options: SaeBenchOptions, context: CommandContext): Promise<number> {
  const { benchSettings } = await import('../../pipeline/bench/settings.js');
  const { planBench, runBench } = await import('../../pipeline/bench/run-bench.js');
  const { output, io, environment } = context;
  const { k, sparsity, l0, prefixes } = options;
  const settings = benchSettings({ ...options, kind: { k, sparsity, l0, prefixes } });
  const run = { settings, threads: options.threads ?? os.availableParallelism() };
  const document = options.dryRun
    ? planBench(run)
    : await runBench({
        ...{ ...run, folder: join(environment.cacheFolder, 'bench'), signal: io.signal },
        progress: progressOf(output),
      });
  output.result(saeBenchDocument, document, () => benchText(document));
  return EXIT.done;
}

/** A line that is replaced where there is a terminal, and one every ten seconds where there is none. */
function progressOf(output: Output): (line: string) => void {
  let toldMs = Date.now();
  return (line) => {
    output.progress(line);
    if (Date.now() - toldMs < LINE_MS) return;
    toldMs = Date.now();
    output.note(line);
  };
}

/** Whole numbers separated by commas. */
function sizes(text: string): number[] {
  return commaList(text).map(wholeNumber(1));
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number above 0.');
}
