// `assay run`: starts a run and, with --follow, watches it to its end.
import { Option } from 'commander';
import { STAGES } from '../../schemas/stages.js';
import { defineCommand, wholeNumber } from '../command.js';
import type { RunOptions } from '../orchestration/requests.js';

export const run = defineCommand({
  arguments: '<run.yaml>',
  description: 'start a run; returns once it is started, workers that it started end with it',
  examples: [
    ['assay run examples/kjv/run.yaml --follow', 'live progress; Ctrl-C leaves the run going'],
    ['assay run run.yaml --limit 100 --until activations', 'a first look: 100 documents, no training'],
    ['assay run run.yaml --workers 2', 'with two worker processes of its own'],
  ],
  options: (command) => {
    command
      .option('--follow', 'show progress until the run ends; the exit code tells how', false)
      .option('--workers <n>', 'worker processes to start for this run', wholeNumber(0))
      .option('--limit <docs>', 'documents to take at most', wholeNumber(1))
      .addOption(new Option('--until <stage>', 'last stage to do').choices(STAGES));
  },
  request: ([file], flags: Omit<RunOptions, 'file'>) => ({ ...flags, file }),
  run: async (request, context) => (await import('../orchestration/submit.js')).run(request, context),
});
