// `assay metrics`: the numbers of dictionaries, several side by side.
import { metricsDocument } from '../../schemas/documents/features.js';
import { EXIT } from '../../schemas/exit.js';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { readMetrics } from '../../reading/metrics/read-metrics.js';
import { defineCommand, type CommandContext } from '../command.js';
import { leftOutNote } from '../render/left-out-text.js';
import { metricsText, untestedNote } from '../render/metrics-text.js';

export const metrics = defineCommand({
  arguments: '<dict...>',
  description: 'how well dictionaries describe the activations, per split: FVU, L0, silent and dense features',
  examples: [
    ['assay metrics kjv-l2', 'each number with its interval, on test first: nothing was fitted to it'],
    ['assay metrics kjv/kjv-l2 other/kjv-l2 --json', 'two dictionaries, as JSON'],
  ],
  request: ([dictionaries]) => ({ dictionaries }),
  run: show,
});

async function show(
  { dictionaries }: { readonly dictionaries: readonly string[] },
  context: CommandContext,
): Promise<number> {
  const store = await context.openStore();
  const names = await Promise.all(dictionaries.map((given) => resolveDictionary(store, given)));
  const entries = await Promise.all(names.map((name) => readMetrics(store, name)));
  context.output.result(metricsDocument, entries, () => metricsText(entries));
  const note = untestedNote(entries);
  const missing = leftOutNote(entries.flatMap((entry) => entry.leftOut));
  for (const said of [note, missing]) if (said !== null) context.output.note(said);
  return EXIT.done;
}
