// `assay unpause`: tells a run's workflow.
import type { Command } from 'commander';
import { addCommand, type CommandContext, type Start } from '../command.js';

export interface UnpauseOptions {
  readonly run: string;
}

export type UnpauseAction = (options: UnpauseOptions, context: CommandContext) => Promise<number>;

export function addUnpause(program: Command, start: Start, act: UnpauseAction): void {
  addCommand(program, 'unpause <run>', {
    description: 'go on after `pause`, or accept the quarantined shards of a run that paused above its tolerance',
    examples: [['assay unpause kjv', 'quarantined shards are counted anew from here']],
  }).action((run: string) => start((context) => act({ run }, context)));
}
