// `assay gc`: what no run, no ref and no schedule needs any more.
import { gcDocument } from '../../schemas/documents/datasets.js';
import { EXIT } from '../../schemas/exit.js';
import { collectGarbage, planGarbage, youngGarbage } from '../../storage/gc/collect-garbage.js';
import { tellCollection } from '../orchestration/collection-wait.js';
import { defineCommand, type CommandContext } from '../command.js';
import { garbageText } from '../render/dataset-text.js';

export const gc = defineCommand({
  arguments: '',
  description: 'list what no run, no ref and no schedule needs any more; objects younger than 24 hours are spared',
  examples: [
    ['assay gc', 'only look'],
    ['assay gc --apply', 'delete it; refused while a run is active'],
  ],
  options: (command) => {
    command.option('--apply', 'delete it', false);
  },
  request: (_, flags: { readonly apply: boolean }) => flags,
  run: collect,
});

async function collect({ apply }: { readonly apply: boolean }, context: CommandContext): Promise<number> {
  const { output, io } = context;
  const store = await context.openStore();
  const {
    plan,
    removed,
    spared: adopted,
  } = apply
    ? await collectGarbage(store, { signal: io.signal, onWait: (wait) => tellCollection(wait, context) })
    : { plan: await planGarbage(store, { nowMs: Date.now() }), removed: 0, spared: 0 };
  const { commits, objects, bytes } = plan;
  const young = await youngGarbage(store, plan);
  const lists = { keys: [...plan.keys], foreign: [...plan.foreign] };
  const document = {
    applied: apply,
    commits,
    objects,
    bytes,
    ...lists,
    removed,
    adopted,
    spared: young.objects,
    sparedBytes: young.bytes,
  };
  output.result(gcDocument, document, () => garbageText(document));
  return EXIT.done;
}
