// `assay describe`: one dataset and its objects.
import { describeDocument } from '../../schemas/documents/datasets.js';
import { saeEvalDocument } from '../../schemas/documents/sae.js';
import { EXIT } from '../../schemas/exit.js';
import { pinDataset } from '../../reading/datasets/pinned.js';
import { describeDataset } from '../../reading/datasets/describe.js';
import { describeDictionary } from '../../reading/evaluation/describe-dictionary.js';
import { routingOf } from '../../reading/dictionary/routing.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { defineCommand, type CommandContext } from '../command.js';
import { describeText } from '../render/dataset-text.js';
import { evaluationText } from '../render/evaluation-text.js';
import { routedNote } from '../render/routed-text.js';

export const describe = defineCommand({
  arguments: '<dataset>',
  description: "a dataset's digest, rows and objects; a dictionary's evaluation",
  examples: [
    ['assay describe kjv/tokens', 'the first objects'],
    ['assay describe kjv/kjv-l2', 'a dictionary: its evaluation beside controls, as `assay sae eval` stored it'],
    ['assay describe kjv/activations/blocks.2.hook_resid_post --json', 'all objects'],
  ],
  request: ([dataset]) => ({ dataset }),
  run: async ({ dataset }, context) => {
    const store = await context.openStore();
    const evaluation = await describeDictionary(store, dataset);
    if (evaluation !== null) {
      context.output.result(saeEvalDocument, evaluation, () => evaluationText(evaluation));
      await sayRouting(store, dataset, context);
      return EXIT.done;
    }
    const snapshot = await pinDataset(store, dataset);
    const description = await describeDataset(store, snapshot);
    context.output.result(describeDocument, description, () => describeText(description, snapshot));
    await sayRouting(store, snapshot.dataset, context);
    return EXIT.done;
  },
});

/** What a dictionary with experts cannot say, beside whatever is described of it. */
async function sayRouting(store: ObjectStore, dataset: string, { output }: CommandContext): Promise<void> {
  const [run, dictionary] = dataset.split('/');
  if (!run || !dictionary) return;
  const note = routedNote(`${run}/${dictionary}`, await routingOf(store, { run, dictionary }));
  if (note !== null) output.note(note);
}
