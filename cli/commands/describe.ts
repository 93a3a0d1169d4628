// `assay describe`: one dataset and its objects.
import { describeDocument } from '../../schemas/documents/datasets.js';
import { EXIT } from '../../schemas/exit.js';
import { pinDataset } from '../../reading/datasets/pinned.js';
import { describeDataset } from '../../reading/datasets/describe.js';
import { defineCommand } from '../command.js';
import { describeText } from '../render/dataset-text.js';

export const describe = defineCommand({
  arguments: '<dataset>',
  description: "a dataset's digest, rows, and the objects that it is made of",
  examples: [
    ['assay describe kjv/tokens', 'the first objects'],
    ['assay describe kjv/activations/blocks.2.hook_resid_post --json', 'all objects'],
  ],
  request: ([dataset]) => ({ dataset }),
  run: async ({ dataset }, context) => {
    const store = await context.openStore();
    const snapshot = await pinDataset(store, dataset);
    const description = await describeDataset(store, snapshot);
    context.output.result(describeDocument, description, () => describeText(description, snapshot));
    return EXIT.done;
  },
});
