// `assay runs`: all runs of the store.
import type { Command } from 'commander';
import { runsDocument } from '../../schemas/documents/runs.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { findSuite } from '../../storage/records/suites.js';
import { addCommand, type CommandContext, type Start } from '../command.js';
import { listRunSummaries } from '../../reading/runs/run-summaries.js';
import { runsText } from '../render/run-text.js';

interface RunsOptions {
  readonly suite?: string;
}

export function addRuns(program: Command, start: Start): void {
  addCommand(program, 'runs', {
    description: 'all runs of the store with their latest revision',
    examples: [
      ['assay runs', 'state, stage and times of every run'],
      ['assay runs --suite seeds', 'of the runs of a suite'],
    ],
  })
    .option('--suite <name>', 'only the runs of this suite')
    .action((options: RunsOptions) => start((context) => runs(options, context)));
}

async function runs({ suite }: RunsOptions, context: CommandContext): Promise<number> {
  const store = await context.openStore();
  const names = suite === undefined ? null : await namesOf(store, suite);
  const summaries = await listRunSummaries(store, { names });
  context.output.result(runsDocument, summaries, () => runsText(summaries));
  return EXIT.done;
}

async function namesOf(store: ObjectStore, name: string): Promise<ReadonlySet<string>> {
  const suite = await findSuite(store, name);
  if (!suite)
    throw new InputError(
      `Expected the name of a suite, found "${name}", which is none; \`assay runs\` lists what there is.`,
      {
        suite: name,
      },
    );
  const { memberNames } = await import('../../pipeline/plan/suite-records.js');
  return new Set(memberNames(suite));
}
