// `assay runs`: all runs of the store.
import type { Command } from 'commander';
import { runsDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { addCommand, type CommandContext, type Start } from '../command.js';
import { listRunSummaries } from '../../reading/runs/run-summaries.js';
import { runsText } from '../render/run-text.js';

export function addRuns(program: Command, start: Start): void {
  addCommand(program, 'runs', {
    description: 'all runs of the store with their latest revision',
    examples: [['assay runs', 'state, stage and times of every run']],
  }).action(() => start(runs));
}

async function runs(context: CommandContext): Promise<number> {
  const summaries = await listRunSummaries(await context.openStore());
  context.output.result(runsDocument, summaries, () => runsText(summaries));
  return EXIT.done;
}
