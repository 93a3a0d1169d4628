// `assay verify`: rebuilds a dataset's digest from the stored bytes.
import { verifyDocument } from '../../schemas/documents/datasets.js';
import { EXIT } from '../../schemas/exit.js';
import { pinDataset } from '../../reading/datasets/pinned.js';
import { verifyDataset } from '../../reading/datasets/describe.js';
import { defineCommand, type CommandContext } from '../command.js';
import { verifyText } from '../render/dataset-text.js';
import { bytesText, counted } from '../render/quantities.js';

export const verify = defineCommand({
  arguments: '<dataset>',
  description: 'read and hash every object of a dataset; exit code 1 when anything is damaged or missing',
  examples: [['assay verify kjv/kjv-l2/postings', 'reads the whole dataset']],
  request: ([dataset]) => ({ dataset }),
  run: rehash,
});

async function rehash({ dataset }: { readonly dataset: string }, context: CommandContext): Promise<number> {
  const { output, io } = context;
  const store = await context.openStore();
  const snapshot = await pinDataset(store, dataset);
  const report = await verifyDataset(store, snapshot, {
    signal: io.signal,
    onProgress: ({ objects, bytes }) => output.progress(`${counted(objects, 'object')}, ${bytesText(bytes)}`),
  });
  output.result(verifyDocument, report, () => verifyText(report));
  return report.ok ? EXIT.done : EXIT.failed;
}
