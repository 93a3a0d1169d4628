// `assay resume`: plans a run again from its stored configuration and does what is missing.
import { Option } from 'commander';
import { defineCommand, wholeNumber } from '../command.js';
import { RESUME_MODES, type ResumeOptions } from '../orchestration/requests.js';

export const resume = defineCommand({
  arguments: '<run>',
  description: 'go on with a run: plan minus commits, from the stored configuration; a run that is alive is joined',
  examples: [
    ['assay resume kjv --follow', 'do what is missing'],
    ['assay resume kjv --mode errored', 'also try again what was quarantined'],
    ['assay resume kjv --mode all', 'compute everything anew and compare; exit code 1 on a difference'],
  ],
  options: (command) => {
    command
      .addOption(new Option('--mode <mode>', 'what to do again').choices(RESUME_MODES).default('missing'))
      .option('--follow', 'show progress until the run ends; the exit code tells how', false)
      .option('--workers <n>', 'worker processes to start for this run', wholeNumber(0));
  },
  request: ([run], flags: Omit<ResumeOptions, 'run'>) => ({ ...flags, run }),
  run: async (request, context) => (await import('../orchestration/submit.js')).resume(request, context),
});
