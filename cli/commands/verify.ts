// `assay verify`: rebuilds a dataset's digest from the stored bytes.
import type { Command } from 'commander';
import { verifyDocument } from '../../schemas/documents/results.js';
import { EXIT } from '../../schemas/exit.js';
import { addCommand, type CommandContext, type Start } from '../command.js';
import { pinDataset } from '../../reading/datasets/datasets.js';
import { verifyDataset } from '../../reading/datasets/describe.js';
import { verifyText } from '../render/dataset-text.js';
import { bytesText } from '../render/quantities.js';

export function addVerify(program: Command, start: Start): void {
  addCommand(program, 'verify <dataset>', {
    description: 'read and hash every object of a dataset; exit code 1 when anything is damaged or missing',
    examples: [['assay verify kjv/kjv-l2/postings', 'reads the whole dataset']],
  }).action((dataset: string) => start((context) => verify(dataset, context)));
}

async function verify(dataset: string, context: CommandContext): Promise<number> {
  const { output, io } = context;
  const store = await context.openStore();
  const snapshot = await pinDataset(store, dataset);
  const report = await verifyDataset(store, snapshot, {
    signal: io.signal,
    onProgress: ({ objects, bytes }) => output.progress(`${objects} objects, ${bytesText(bytes)}`),
  });
  output.result(verifyDocument, report, () => verifyText(report));
  return report.ok ? EXIT.done : EXIT.failed;
}
