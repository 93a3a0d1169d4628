// `assay up`: the local stack.
import { defineCommand, wholeNumber } from '../command.js';
import type { UpOptions } from '../orchestration/requests.js';

export const up = defineCommand({
  arguments: '',
  description:
    'start the local stack: a Temporal dev server (SQLite file) and workers; `--store minio` starts MinIO too',
  examples: [
    ['assay up', 'Temporal and one worker; results in the folder ./data'],
    ['assay up --store minio --workers 2', 'MinIO as the store, two workers'],
  ],
  options: (command) => {
    command.option('--workers <n>', 'worker processes to start', wholeNumber(0), 1);
  },
  request: (_, flags: UpOptions) => flags,
  run: async (request, context) => (await import('../orchestration/stack-commands.js')).up(request, context),
});
