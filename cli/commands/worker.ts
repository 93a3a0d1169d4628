// `assay worker`: one worker process for a real cluster, in the foreground.
import { Option, type Command } from 'commander';
import { addCommand, commaList, wholeNumber, type CommandContext, type Start } from '../command.js';

export interface WorkerCommandOptions {
  readonly roles: readonly string[];
  readonly device: 'auto' | 'cpu' | 'cuda' | 'webgpu';
  /** Compute children at once; undefined: one per core. */
  readonly slots: number | undefined;
  /** Ceiling of one compute child, MB; undefined: the machine's memory shared among the slots. */
  readonly memory: number | undefined;
  /** Folder of cache and spool files; undefined: the user's cache folder. */
  readonly folder: string | undefined;
}

export type WorkerAction = (options: WorkerCommandOptions, context: CommandContext) => Promise<number>;

export function addWorker(program: Command, start: Start, act: WorkerAction): void {
  addCommand(program, 'worker', {
    description: 'a worker for a real cluster: takes work from TEMPORAL_ADDRESS until SIGTERM',
    examples: [
      ['assay worker --roles orchestrate,io', 'a machine without inference'],
      ['assay worker --roles compute --device cuda', 'a machine with a graphics card'],
    ],
  })
    .option('--roles <list>', 'what it does: orchestrate, io, compute', commaList, ['orchestrate', 'io', 'compute'])
    .addOption(
      new Option('--device <device>', 'what it computes on; auto: cuda where it loads, else cpu')
        .choices(['auto', 'cpu', 'cuda', 'webgpu'])
        .default('auto'),
    )
    .option('--slots <n>', 'compute children at once (default: one per core)', wholeNumber(1))
    .option('--memory <mb>', 'ceiling of one compute child, MB (default: 80 % of memory / cores)', wholeNumber(64))
    .option('--folder <path>', 'folder of cache and spool files')
    .action((options: WorkerCommandOptions) => start((context) => act(options, context)));
}
