// `assay set`: changes limits of a run that is going on.
import { InputError } from '../../schemas/errors.js';
import { LIMITS } from '../../schemas/orchestration.js';
import { defineCommand, share, wholeNumber } from '../command.js';
import type { SetOptions } from '../orchestration/requests.js';

export const set = defineCommand({
  arguments: '<run>',
  description: 'change the limits of a run that is going on',
  examples: [
    ['assay set kjv --window 16', 'at most 16 lots at once'],
    ['assay set kjv --tolerance 0.05', 'pause only above 5 % quarantined shards'],
  ],
  options: (command) => {
    command
      .option('--window <n>', `lots given out at once, at most ${LIMITS.window}`, wholeNumber(1))
      .option('--tolerance <share>', 'share of planned shards that may be quarantined, 0 to 1', share);
  },
  request: ([run], flags: Omit<SetOptions, 'run'>) => {
    if (flags.window === undefined && flags.tolerance === undefined) {
      throw new InputError('Expected --window or --tolerance, found neither; say what to change.');
    }
    return { ...flags, run };
  },
  run: async (request, context) => (await import('../orchestration/control.js')).set(request, context),
});
