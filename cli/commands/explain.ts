// `assay explain`: what a run's keys are made of and what changed since an earlier revision.
import { explainDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { explainRun } from '../../reading/runs/explain.js';
import { earlierRevision, findRun } from '../../storage/records/run-history.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { explainText } from '../render/run-text.js';

interface ExplainOptions {
  readonly run: string;
  readonly against?: number;
}

export const explain = defineCommand({
  arguments: '<run>',
  description: "what each stage's key is made of, and which settings differ from an earlier revision",
  examples: [
    ['assay explain kjv', 'against the revision before'],
    ['assay explain kjv --against 1', 'against revision 1'],
  ],
  options: (command) => {
    command.option('--against <revision>', 'revision to compare with (default: the one before)', wholeNumber(0));
  },
  request: ([run], flags: Omit<ExplainOptions, 'run'>) => ({ ...flags, run }),
  run: explainKeys,
});

async function explainKeys(options: ExplainOptions, context: CommandContext): Promise<number> {
  const store = await context.openStore();
  const run = await findRun(store, options.run);
  const against = await earlierRevision(store, run, options.against);
  const document = await explainRun(store, run, against);
  context.output.result(explainDocument, document, () => explainText(document));
  return EXIT.done;
}
