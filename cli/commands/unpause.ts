// `assay unpause`: tells a run's workflow.
import { defineCommand } from '../command.js';

export const unpause = defineCommand({
  arguments: '<run>',
  description: 'go on after `pause`, or accept the quarantined shards of a run that paused above its tolerance',
  examples: [['assay unpause kjv', 'quarantined shards are counted anew from here']],
  request: ([run]) => ({ run }),
  run: async (request, context) => (await import('../orchestration/control.js')).unpause(request, context),
});
