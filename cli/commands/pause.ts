// `assay pause`: tells a run's workflow.
import type { Command } from 'commander';
import { addCommand, type CommandContext, type Start } from '../command.js';

export interface PauseOptions {
  readonly run: string;
}

export type PauseAction = (options: PauseOptions, context: CommandContext) => Promise<number>;

export function addPause(program: Command, start: Start, act: PauseAction): void {
  addCommand(program, 'pause <run>', {
    description: 'give out no more lots; shards in hand finish, a training writes a checkpoint',
    examples: [['assay pause kjv', 'then `assay unpause kjv`']],
  }).action((run: string) => start((context) => act({ run }, context)));
}
