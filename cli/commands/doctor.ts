// `assay doctor`: what is there and what to do about what is not.
import type { Command } from 'commander';
import { addCommand, type CommandContext, type Start } from '../command.js';

export type DoctorAction = (context: CommandContext) => Promise<number>;

export function addDoctor(program: Command, start: Start, act: DoctorAction): void {
  addCommand(program, 'doctor', {
    description: 'check versions, devices, the store (by a probe that writes and deletes) and Temporal',
    examples: [
      ['assay doctor', 'exit code 1 when something that is needed is missing'],
      ['assay doctor --store s3://bucket/prefix', 'is this store good enough?'],
    ],
  }).action(() => start(act));
}
