// `assay runs`: all runs of the store.
import { runsDocument } from '../../schemas/documents/runs.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { findSuite } from '../../storage/records/suites.js';
import { listRunSummaries } from '../../reading/runs/run-summaries.js';
import { defineCommand } from '../command.js';
import { runsText } from '../render/run-text.js';

export const runs = defineCommand({
  arguments: '',
  description: 'all runs of the store with their latest revision',
  examples: [
    ['assay runs', 'state, stage and times of every run'],
    ['assay runs --suite seeds', 'of the runs of a suite'],
  ],
  options: (command) => {
    command.option('--suite <name>', 'only the runs of this suite');
  },
  request: (_, flags: { readonly suite?: string }) => flags,
  run: async ({ suite }, context) => {
    const store = await context.openStore();
    const names = suite === undefined ? null : await namesOf(store, suite);
    const summaries = await listRunSummaries(store, { names });
    context.output.result(runsDocument, summaries, () => runsText(summaries));
    return EXIT.done;
  },
});

async function namesOf(store: ObjectStore, name: string): Promise<ReadonlySet<string>> {
  const suite = await findSuite(store, name);
  if (!suite)
    throw new InputError(
      `Expected the name of a suite, found "${name}", which is none; \`assay runs\` lists what there is.`,
      { suite: name },
    );
  const { memberNames } = await import('../../pipeline/files/matrix.js');
  return new Set(memberNames(suite));
}
