// `assay datasets`: every dataset of the store.
import { datasetsDocument } from '../../schemas/documents/datasets.js';
import { EXIT } from '../../schemas/exit.js';
import { latestSnapshots } from '../../reading/datasets/pinned.js';
import { datasetEntries } from '../../reading/datasets/describe.js';
import { defineCommand } from '../command.js';
import { datasetsText } from '../render/dataset-text.js';

export const datasets = defineCommand({
  arguments: '',
  description: 'every dataset of the store at its latest snapshot',
  examples: [['assay datasets --json', 'name, table, digest, rows, bytes and snapshot of each']],
  request: () => null,
  run: async (_, context) => {
    const snapshots = await latestSnapshots(await context.openStore());
    const entries = datasetEntries(snapshots);
    context.output.result(datasetsDocument, entries, () => datasetsText(entries, snapshots));
    return EXIT.done;
  },
});
