// `assay down`: stops what `up` started.
import type { Command } from 'commander';
import { addCommand, type CommandContext, type Start } from '../command.js';

export type DownAction = (context: CommandContext) => Promise<number>;

export function addDown(program: Command, start: Start, act: DownAction): void {
  addCommand(program, 'down', {
    description: 'stop the workers and servers that `up` and `run` started; stored results stay',
    examples: [['assay down', 'runs that are active go on after the next `assay up`']],
  }).action(() => start(act));
}
