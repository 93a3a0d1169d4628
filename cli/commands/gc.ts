// `assay gc`: what no run, no ref and no schedule needs any more.
import { gcDocument } from '../../schemas/documents/datasets.js';
import { DataError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { collectGarbage, planGarbage, type Collected } from '../../storage/gc/collect-garbage.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { listRuns } from '../../storage/records/revisions.js';
import { listActiveRuns } from '../../storage/records/run-history.js';
import type { CollectionWait } from '../../storage/records/collection-mark.js';
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
  const wait = { signal: io.signal, onWait: (wait: CollectionWait) => tellCollection(wait, context) };
  const { plan, removed, spared: adopted } = apply ? await collectGarbage(store, wait) : await look(store);
  const { commits, objects, bytes, young } = plan;
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

async function look(store: ObjectStore): Promise<Collected> {
  const active = await listActiveRuns(store).catch(async (error: unknown) => {
    // Which of them are at work a damaged event does not say: `--apply` is refused then, looking is not.
    if (!(error instanceof DataError)) throw error;
    return (await listRuns(store)).map(({ name }) => name);
  });
  return { plan: await planGarbage(store, { nowMs: Date.now(), active }), removed: 0, spared: 0 };
}
