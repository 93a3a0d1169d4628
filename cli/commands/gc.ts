// `assay gc`: what no run and no ref needs any more.
import { gcDocument } from '../../schemas/documents/datasets.js';
import { EXIT } from '../../schemas/exit.js';
import { listRunSummaries } from '../../reading/runs/run-summaries.js';
import { applyGarbage, planGarbage } from '../../storage/gc/collect-garbage.js';
import { hasEnded } from '../../storage/records/run-history.js';
import { defineCommand, type CommandContext } from '../command.js';
import { garbageText } from '../render/dataset-text.js';

export const gc = defineCommand({
  arguments: '',
  description: 'list what no run and no ref needs any more; objects younger than 24 hours are spared',
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
  const plan = await planGarbage(store, { nowMs: Date.now() });
  const runs = apply ? await listRunSummaries(store) : [];
  const activeRuns = runs.filter((run) => run.state !== 'unknown' && !hasEnded(run.state)).map((run) => run.run);
  const { removed, spared } = apply
    ? await applyGarbage(store, plan, { activeRuns, signal: io.signal })
    : { removed: 0, spared: 0 };
  const { commits, objects, bytes, keys } = plan;
  const document = { applied: apply, commits, objects, bytes, keys: [...keys], removed, spared };
  output.result(gcDocument, document, () => garbageText(document));
  return EXIT.done;
}
