// `assay explain`: what a run's keys are made of and what changed since an earlier revision.
import type { Command } from 'commander';
import { explainDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { addCommand, wholeNumber, type CommandContext, type Start } from '../command.js';
import { explainRun } from '../../reading/runs/explain.js';
import { earlierRevision, findRun } from '../../storage/records/run-history.js';
import { explainText } from '../render/run-text.js';

export interface ExplainOptions {
  readonly run: string;
  readonly against: number | undefined;
}

export function addExplain(program: Command, start: Start): void {
  addCommand(program, 'explain <run>', {
    description: "what each stage's key is made of, and which settings differ from an earlier revision",
    examples: [
      ['assay explain kjv', 'against the revision before'],
      ['assay explain kjv --against 1', 'against revision 1'],
    ],
  })
    .option('--against <revision>', 'revision to compare with (default: the one before)', wholeNumber(0))
    .action((run: string, options: { against?: number }) =>
      start((context) => explain({ run, against: options.against }, context)),
    );
}

async function explain(options: ExplainOptions, context: CommandContext): Promise<number> {
  const store = await context.openStore();
  const run = await findRun(store, options.run);
  const against = await earlierRevision(store, run, options.against);
  const document = await explainRun(store, run, against);
  context.output.result(explainDocument, document, () => explainText(document));
  return EXIT.done;
}
