// `assay datasets`: every dataset of the store.
import type { Command } from 'commander';
import { datasetsDocument } from '../../schemas/documents/results.js';
import { EXIT } from '../../schemas/exit.js';
import { addCommand, type CommandContext, type Start } from '../command.js';
import { latestSnapshots } from '../../reading/datasets/datasets.js';
import { datasetEntries } from '../../reading/datasets/describe.js';
import { datasetsText } from '../render/dataset-text.js';

export function addDatasets(program: Command, start: Start): void {
  addCommand(program, 'datasets', {
    description: 'every dataset of the store at its latest snapshot',
    examples: [['assay datasets --json', 'name, table, digest, rows, bytes and snapshot of each']],
  }).action(() => start(datasets));
}

async function datasets(context: CommandContext): Promise<number> {
  const snapshots = await latestSnapshots(await context.openStore());
  const entries = datasetEntries(snapshots);
  context.output.result(datasetsDocument, entries, () => datasetsText(entries, snapshots));
  return EXIT.done;
}
