// `assay rm`: forgets a run.
import type { Command } from 'commander';
import { rmDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { addCommand, type CommandContext, type Start } from '../command.js';
import { forgetRun, forgetSuite } from '../../pipeline/execute/remove-run.js';
import { findSuite } from '../../storage/records/suites.js';

export interface RmOptions {
  readonly run: string;
  readonly force: boolean;
}

export function addRm(program: Command, start: Start): void {
  addCommand(program, 'rm <run|suite>', {
    description: 'forget a run: its records and the names of its datasets; `gc --apply` frees the data',
    examples: [
      ['assay rm kjv', 'refused while the run has not ended'],
      ['assay rm seeds', 'a suite and all of its runs'],
    ],
  })
    .option('--force', 'also where the run has not ended, as after the loss of its workflow', false)
    .action((run: string, options: { force: boolean }) =>
      start((context) => rm({ run, force: options.force }, context)),
    );
}

async function rm({ run, force }: RmOptions, context: CommandContext): Promise<number> {
  const store = await context.openStore();
  const suite = await findSuite(store, run);
  const removal = suite ? await forgetSuite(store, suite, force) : await forgetRun(store, run, force);
  context.output.result(rmDocument, removal, () =>
    [
      `Removed ${removal.records} records of ${run} and the names of ${removal.datasets.length} datasets.`,
      'Free what nothing else uses with: assay gc --apply',
    ].join('\n'),
  );
  return EXIT.done;
}
