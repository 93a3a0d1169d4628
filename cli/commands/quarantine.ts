// `assay quarantine`: the shards of a run that failed for good.
import type { Command } from 'commander';
import { quarantineDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { addCommand, type CommandContext, type Start } from '../command.js';
import { readQuarantined } from '../../reading/runs/quarantined.js';
import { findRun } from '../../storage/records/run-history.js';
import { quarantineText } from '../render/run-text.js';

export function addQuarantine(program: Command, start: Start): void {
  addCommand(program, 'quarantine <run>', {
    description: 'the shards that failed for good and were left out, with their errors',
    examples: [['assay quarantine kjv', 'then `assay resume kjv --mode errored` tries them again']],
  }).action((run: string) => start((context) => quarantine(run, context)));
}

async function quarantine(name: string, context: CommandContext): Promise<number> {
  const store = await context.openStore();
  const document = await readQuarantined(store, await findRun(store, name));
  context.output.result(quarantineDocument, document, () => quarantineText(document, Date.now()));
  return EXIT.done;
}
