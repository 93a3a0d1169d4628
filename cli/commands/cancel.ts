// `assay cancel`: tells a run's workflow.
import { defineCommand } from '../command.js';

export const cancel = defineCommand({
  arguments: '<run>',
  description: 'end a run; what is committed stays, `resume` goes on from it',
  examples: [['assay cancel kjv', 'waits until the workers have let go']],
  request: ([run]) => ({ run }),
  run: async (request, context) => (await import('../orchestration/control.js')).cancel(request, context),
});
