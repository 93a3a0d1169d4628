// `assay runs`: all runs of the store.
import { runsDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { listRunSummaries } from '../../reading/runs/run-summaries.js';
import { defineCommand } from '../command.js';
import { runsText } from '../render/run-text.js';

export const runs = defineCommand({
  arguments: '',
  description: 'all runs of the store with their latest revision',
  examples: [['assay runs', 'state, stage and times of every run']],
  request: () => null,
  run: async (_, context) => {
    const summaries = await listRunSummaries(await context.openStore());
    context.output.result(runsDocument, summaries, () => runsText(summaries));
    return EXIT.done;
  },
});
