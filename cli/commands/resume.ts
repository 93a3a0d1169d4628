// `assay resume`: plans a run again from its stored configuration and does what is missing.
import { Option, type Command } from 'commander';
import type { ResumeMode } from '../../schemas/messages.js';
import { addCommand, wholeNumber, type CommandContext, type Start } from '../command.js';

export interface ResumeOptions {
  readonly run: string;
  readonly mode: ResumeMode;
  readonly follow: boolean;
  readonly workers: number | undefined;
}

export type ResumeAction = (options: ResumeOptions, context: CommandContext) => Promise<number>;

const MODES: readonly ResumeMode[] = ['missing', 'errored', 'all'];

export function addResume(program: Command, start: Start, act: ResumeAction): void {
  addCommand(program, 'resume <run>', {
    description: 'go on with a run: plan minus commits, from the stored configuration; a run that is alive is joined',
    examples: [
      ['assay resume kjv --follow', 'do what is missing'],
      ['assay resume kjv --mode errored', 'also try again what was quarantined'],
      ['assay resume kjv --mode all', 'compute everything anew and compare; exit code 1 on a difference'],
    ],
  })
    .addOption(new Option('--mode <mode>', 'what to do again').choices(MODES).default('missing'))
    .option('--follow', 'show progress until the run ends; the exit code tells how', false)
    .option('--workers <n>', 'worker processes to start for this run', wholeNumber(0))
    .action((run: string, options: Omit<ResumeOptions, 'run'>) =>
      start((context) => act({ ...options, run }, context)),
    );
}
