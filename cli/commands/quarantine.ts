// `assay quarantine`: the shards of a run that failed for good.
import { quarantineDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { readQuarantined } from '../../reading/runs/quarantined.js';
import { findRun } from '../../storage/records/run-history.js';
import { defineCommand } from '../command.js';
import { quarantineText } from '../render/run-text.js';

export const quarantine = defineCommand({
  arguments: '<run>',
  description: 'the shards that failed for good and were left out, with their errors',
  examples: [['assay quarantine kjv', 'then `assay resume kjv --mode errored` tries them again']],
  request: ([run]) => ({ run }),
  run: async ({ run }, context) => {
    const store = await context.openStore();
    const document = await readQuarantined(store, await findRun(store, run));
    context.output.result(quarantineDocument, document, () => quarantineText(document, Date.now()));
    return EXIT.done;
  },
});
