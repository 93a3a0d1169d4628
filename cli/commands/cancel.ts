// `assay cancel`: tells a run's workflow.
import type { Command } from 'commander';
import { addCommand, type CommandContext, type Start } from '../command.js';

export interface CancelOptions {
  readonly run: string;
}

export type CancelAction = (options: CancelOptions, context: CommandContext) => Promise<number>;

export function addCancel(program: Command, start: Start, act: CancelAction): void {
  addCommand(program, 'cancel <run>', {
    description: 'end a run; what is committed stays, `resume` goes on from it',
    examples: [['assay cancel kjv', 'waits until the workers have let go']],
  }).action((run: string) => start((context) => act({ run }, context)));
}
