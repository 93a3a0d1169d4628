// `assay plan`: the dry run of a run file.
import type { Command } from 'commander';
import { addCommand, type CommandContext, type Start } from '../command.js';

export interface PlanOptions {
  /** Path of the run file, as given. */
  readonly file: string;
  /** Read the whole corpus instead of estimating from file sizes. */
  readonly exact: boolean;
}

export type PlanAction = (options: PlanOptions, context: CommandContext) => Promise<number>;

export function addPlan(program: Command, start: Start, act: PlanAction): void {
  addCommand(program, 'plan <run.yaml>', {
    description: 'dry run: shards, lots, what is cached and what is missing, bytes, estimated time; writes nothing',
    examples: [
      ['assay plan examples/kjv/run.yaml', 'estimated from the sizes of the corpus files'],
      ['assay plan run.yaml --exact --json', 'reads the corpus; one JSON document'],
    ],
  })
    .option('--exact', 'read the corpus instead of estimating', false)
    .action((file: string, options: { exact: boolean }) =>
      start((context) => act({ file, exact: options.exact }, context)),
    );
}
