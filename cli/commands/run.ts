// `assay run`: starts a run and, with --follow, watches it to its end.
import { Option, type Command } from 'commander';
import { STAGES, type StageName } from '../../schemas/stages.js';
import { addCommand, wholeNumber, type CommandContext, type Start } from '../command.js';

export interface RunOptions {
  /** Path of the run file, as given. */
  readonly file: string;
  readonly follow: boolean;
  /** Worker processes to start for this run; undefined: one, where no worker is there. */
  readonly workers: number | undefined;
  /** Documents to take at most. */
  readonly limit: number | undefined;
  /** Last stage to do. */
  readonly until: StageName | undefined;
}

export type RunAction = (options: RunOptions, context: CommandContext) => Promise<number>;

export function addRun(program: Command, start: Start, act: RunAction): void {
  addCommand(program, 'run <run.yaml>', {
    description: 'start a run; returns once it is started, workers that it started end with it',
    examples: [
      ['assay run examples/kjv/run.yaml --follow', 'live progress; Ctrl-C leaves the run going'],
      ['assay run run.yaml --limit 100 --until activations', 'a first look: 100 documents, no training'],
      ['assay run run.yaml --workers 2', 'with two worker processes of its own'],
    ],
  })
    .option('--follow', 'show progress until the run ends; the exit code tells how', false)
    .option('--workers <n>', 'worker processes to start for this run', wholeNumber(0))
    .option('--limit <docs>', 'documents to take at most', wholeNumber(1))
    .addOption(new Option('--until <stage>', 'last stage to do').choices(STAGES))
    .action((file: string, options: Omit<RunOptions, 'file'>) =>
      start((context) => act({ ...options, file }, context)),
    );
}
