// `assay worker`: one worker process for a real cluster, in the foreground.
import { Option } from 'commander';
import { commaList, defineCommand, wholeNumber } from '../command.js';
import type { WorkerOptions } from '../orchestration/requests.js';

export const worker = defineCommand({
  arguments: '',
  description: 'a worker for a real cluster: takes work from TEMPORAL_ADDRESS until SIGTERM',
  examples: [
    ['assay worker --roles orchestrate,io', 'a machine without inference'],
    ['assay worker --roles compute --device cuda', 'a machine with a graphics card'],
    ['assay worker --allow-store s3://team/assay --allow-source /corpora', 'for these stores and these corpora alone'],
  ],
  options: (command) => {
    command
      .option('--roles <list>', 'what it does: orchestrate, io, compute', commaList, ['orchestrate', 'io', 'compute'])
      .addOption(
        new Option('--device <device>', 'what it computes on; auto: cuda where it loads, else cpu')
          .choices(['auto', 'cpu', 'cuda', 'webgpu'])
          .default('auto'),
      )
      .option('--slots <n>', 'compute children at once (default: one per core)', wholeNumber(1))
      .option('--memory <mb>', 'ceiling of one compute child, MB (default: 80 % of memory / cores)', wholeNumber(64))
      .option('--folder <path>', 'folder of cache and spool files')
      .option(
        '--allow-store <urls>',
        'stores, or prefixes of them, that it may use (default: the store that commands here mean)',
        commaList,
      )
      .option('--allow-endpoint <urls>', "S3 endpoints at which it may use them, besides the SDK's own", commaList)
      .option(
        '--allow-source <places>',
        'folders, files and prefixes in S3 that corpora, models and tokenizers may lie in',
        commaList,
      )
      .option('--allow-any', 'any store and any file: only where everybody who reaches Temporal is trusted')
      .option(
        '--host <name>',
        'host whose local corpus files it reads, where they lie here too (default: this machine)',
      );
  },
  request: (_, flags: WorkerOptions) => flags,
  run: async (request, context) => (await import('../orchestration/stack-commands.js')).worker(request, context),
});
