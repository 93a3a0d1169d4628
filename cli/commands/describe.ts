// `assay describe`: one dataset and its objects.
import type { Command } from 'commander';
import { describeDocument } from '../../schemas/documents/results.js';
import { EXIT } from '../../schemas/exit.js';
import { addCommand, type CommandContext, type Start } from '../command.js';
import { pinDataset } from '../../reading/datasets/datasets.js';
import { describeDataset } from '../../reading/datasets/describe.js';
import { describeText } from '../render/dataset-text.js';

export function addDescribe(program: Command, start: Start): void {
  addCommand(program, 'describe <dataset>', {
    description: "a dataset's digest, rows, and the objects that it is made of",
    examples: [
      ['assay describe kjv/tokens', 'the first objects'],
      ['assay describe kjv/activations/blocks.2.hook_resid_post --json', 'all objects'],
    ],
  }).action((dataset: string) => start((context) => describe(dataset, context)));
}

async function describe(dataset: string, context: CommandContext): Promise<number> {
  const store = await context.openStore();
  const snapshot = await pinDataset(store, dataset);
  const description = await describeDataset(store, snapshot);
  context.output.result(describeDocument, description, () => describeText(description, snapshot));
  return EXIT.done;
}
