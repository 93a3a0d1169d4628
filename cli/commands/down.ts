// `assay down`: stops what `up` started.
import { defineCommand } from '../command.js';

export const down = defineCommand({
  arguments: '',
  description: 'stop the workers and servers that `up` and `run` started; stored results stay',
  examples: [['assay down', 'runs that are active go on after the next `assay up`']],
  request: () => null,
  run: async (_, context) => (await import('../orchestration/stack-commands.js')).down(context),
});
