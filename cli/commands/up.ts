// `assay up`: the local stack. Parses and calls; the stack itself is started by the orchestration library.
import type { Command } from 'commander';
import { addCommand, wholeNumber, type CommandContext, type Start } from '../command.js';

export interface UpOptions {
  /** Worker processes to start. */
  readonly workers: number;
}

export type UpAction = (options: UpOptions, context: CommandContext) => Promise<number>;

export function addUp(program: Command, start: Start, act: UpAction): void {
  addCommand(program, 'up', {
    description:
      'start the local stack: a Temporal dev server (SQLite file) and workers; `--store minio` starts MinIO too',
    examples: [
      ['assay up', 'Temporal and one worker; results in the folder ./data'],
      ['assay up --store minio --workers 2', 'MinIO as the store, two workers'],
    ],
  })
    .option('--workers <n>', 'worker processes to start', wholeNumber(0), 1)
    .action((options: UpOptions) => start((context) => act(options, context)));
}
