// `assay plan`: the dry run of a run file.
import { defineCommand } from '../command.js';
import type { PlanOptions } from '../orchestration/requests.js';

export const plan = defineCommand({
  arguments: '<run.yaml>',
  description: 'dry run: shards, lots, what is cached and what is missing, bytes, estimated time; writes nothing',
  examples: [
    ['assay plan examples/kjv/run.yaml', 'estimated from the sizes of the corpus files'],
    ['assay plan run.yaml --exact --json', 'reads the corpus; one JSON document'],
  ],
  options: (command) => {
    command.option('--exact', 'read the corpus instead of estimating', false);
  },
  request: ([file], flags: Omit<PlanOptions, 'file'>) => ({ ...flags, file }),
  run: async (request, context) => (await import('../orchestration/plan.js')).plan(request, context),
});
