// `assay rm`: forgets a run.
import { rmDocument } from '../../schemas/documents/runs.js';
import { DataError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { forgetRun, forgetSuite } from '../../pipeline/execute/remove-run.js';
import { findSuite } from '../../storage/records/suites.js';
import { counted } from '../render/quantities.js';
import { defineCommand, type CommandContext } from '../command.js';

interface RmOptions {
  readonly run: string;
  readonly force: boolean;
}

export const rm = defineCommand({
  arguments: '<run>',
  description: 'forget a run: its records and the names of its datasets; `gc --apply` frees the data',
  examples: [
    ['assay rm kjv', 'refused while the run has not ended'],
    ['assay rm seeds', 'a suite and all of its runs'],
  ],
  options: (command) => {
    command.option('--force', 'also where the run has not ended, as after the loss of its workflow', false);
  },
  request: ([run], flags: Omit<RmOptions, 'run'>) => ({ ...flags, run }),
  run: forget,
});

async function forget({ run, force }: RmOptions, context: CommandContext): Promise<number> {
  const store = await context.openStore();
  const suite = await findSuite(store, run).catch((error: unknown) => {
    // A damaged suite cannot say which runs are its own: they stay, it goes.
    if (!(error instanceof DataError)) throw error;
    return null;
  });
  const { kept, ...removal } = suite
    ? await forgetSuite(store, suite, force)
    : { ...(await forgetRun(store, run, force)), kept: [] };
  for (const name of kept) {
    const why = 'its configuration is damaged and does not say whether it is of this suite';
    context.output.note(`Left run ${name}: ${why}. Remove it with: assay rm ${name}`);
  }
  context.output.result(rmDocument, removal, () =>
    [
      `Removed ${counted(removal.records, 'record')} of ${run} and the names of ${counted(removal.datasets.length, 'dataset')}.`,
      'Free what nothing else uses with: assay gc --apply (what is younger than 24 hours stays until then)',
    ].join('\n'),
  );
  return EXIT.done;
}
