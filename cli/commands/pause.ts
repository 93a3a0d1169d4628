// `assay pause`: tells a run's workflow.
import { defineCommand } from '../command.js';

export const pause = defineCommand({
  arguments: '<run>',
  description: 'give out no more lots; shards in hand finish, a training writes a checkpoint',
  examples: [['assay pause kjv', 'then `assay unpause kjv`']],
  request: ([run]) => ({ run }),
  run: async (request, context) => (await import('../orchestration/control.js')).pause(request, context),
});
