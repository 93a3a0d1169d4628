// `assay set`: changes limits of a run that is going on.
import type { Command } from 'commander';
import { InputError } from '../../schemas/errors.js';
import { LIMITS } from '../../schemas/orchestration.js';
import { addCommand, share, wholeNumber, type CommandContext, type Start } from '../command.js';

export interface SetOptions {
  readonly run: string;
  /** Lots given out at once. */
  readonly window: number | undefined;
  /** Share of planned shards that may be quarantined. */
  readonly tolerance: number | undefined;
}

export type SetAction = (options: SetOptions, context: CommandContext) => Promise<number>;

export function addSet(program: Command, start: Start, act: SetAction): void {
  addCommand(program, 'set <run>', {
    description: 'change the limits of a run that is going on',
    examples: [
      ['assay set kjv --window 16', 'at most 16 lots at once'],
      ['assay set kjv --tolerance 0.05', 'pause only above 5 % quarantined shards'],
    ],
  })
    .option('--window <n>', `lots given out at once, at most ${LIMITS.window}`, wholeNumber(1))
    .option('--tolerance <share>', 'share of planned shards that may be quarantined, 0 to 1', share)
    .action((run: string, options: Omit<SetOptions, 'run'>) =>
      start((context) => {
        if (options.window === undefined && options.tolerance === undefined) {
          throw new InputError('Expected --window or --tolerance, found neither; say what to change.');
        }
        return act({ ...options, run }, context);
      }),
    );
}
