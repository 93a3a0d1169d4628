// `assay model train`: trains the language models of a training file, resumes what was begun, skips what is finished.
import os from 'node:os';
import { join, resolve } from 'node:path';
import { modelTrainDocument } from '../../schemas/documents/models.js';
import { EXIT } from '../../schemas/exit.js';
import type { TrainingFile } from '../../schemas/training-file.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { TrainedSummary } from '../../pipeline/execute/training-summary.js';
import type { LoadedTrainingFile } from '../../pipeline/files/training-file.js';
import { defineCommand, type CommandContext } from '../command.js';
import { Reporter } from '../training/reporter.js';
import { trainText } from '../render/train-text.js';

interface ModelTrainOptions {
  /** Path of the training file, as given. */
  readonly file: string;
  readonly dryRun: boolean;
  /** One model alone. */
  readonly only: string | undefined;
  /** Folder for copies of the finished models. */
  readonly out: string | undefined;
}

export const trainModels = defineCommand({
  arguments: '<config.yaml>',
  description: 'train small language models; running it again goes on where it was stopped',
  examples: [
    ['assay model train examples/tiny-lm/train.yaml --out my/models', 'trains, then copies the models'],
    ['assay model train train.yaml --dry-run', 'sizes, tokens and memory; writes nothing'],
    ['assay model train train.yaml --only small', 'one model of the list'],
  ],
  options: (command) => {
    command
      .option('--dry-run', 'say what would be trained, what is done and where copies would go; writes nothing', false)
      .option('--only <name>', 'train this model of the list alone')
      .option('--out <dir>', 'copy finished models to DIR/MODEL');
  },
  request: ([file], flags: Omit<ModelTrainOptions, 'file'>) => ({ ...flags, file }),
  run: train,
});

async function train(options: ModelTrainOptions, context: CommandContext): Promise<number> {
  const { loadTrainingFile } = await import('../../pipeline/files/training-file.js');
  const { openChosenStore } = await import('../store-choice.js');
  const { file, folder, locate, storeNamed } = await loadTrainingFile(resolve(context.io.cwd, options.file));
  const choice = await context.chooseFileStore({ file, folder, storeNamed });
  const store = await openChosenStore(choice, context.output, { makes: !options.dryRun });
  try {
    return await trainWith({ options, context, store, file, folder, locate });
  } finally {
    await store.close();
  }
}

interface Training {
  readonly options: ModelTrainOptions;
  readonly context: CommandContext;
  readonly store: ObjectStore;
  readonly file: TrainingFile;
  readonly folder: string;
  readonly locate: LoadedTrainingFile['locate'];
}

async function trainWith({ options, context, store, file, folder, locate }: Training): Promise<number> {
  const { checkOnly, dryRun, trainModels } = await import('../../pipeline/execute/train-models.js');
  const { resolveTraining } = await import('../../pipeline/resolve/resolve-training.js');
  const { settleRevision } = await import('../../pipeline/plan/training-records.js');
  const { writeModels } = await import('../../pipeline/execute/write-models.js');
  const resolved = await resolveTraining(file, { folder, store, revision: 1, locate });
  const only = options.only ?? null;
  checkOnly(resolved.training, only);
  const { training, known } = await settleRevision(store, resolved.training);
  const { finished, summaries } = options.dryRun
    ? await dryRun(store, training, known)
    : await trainModels({
        ...{ store, training, uploads: resolved.uploads, only, reporter: new Reporter(context.output) },
        ...{ stop: context.io.signal, environment: context.io.environment },
        folder: join(context.environment.cacheFolder, 'training'),
        slots: slotsOf(file, resolved.training.models.length),
      });
  const wanted = summaries.filter(({ entry }) => (only ?? entry.model) === entry.model);
  const out = options.out === undefined ? null : resolve(context.io.cwd, options.out);
  const written = out === null || options.dryRun ? [] : await writeModels(store, training, { summaries: wanted, out });
  const { dryRun: dry } = options;
  const document = {
    ...{ training: training.name, revision: training.revision, store: store.url, dryRun: dry },
    ...{ finished, models: wanted.map(({ entry }) => entry), written },
  };
  context.output.result(modelTrainDocument, document, () => trainText(document, out));
  return exitCode(wanted, { dryRun: dry, finished });
}

function exitCode(
  wanted: readonly TrainedSummary[],
  { dryRun, finished }: { readonly dryRun: boolean; readonly finished: boolean },
): number {
  if (dryRun) return EXIT.done;
  if (!finished) return EXIT.interrupted;
  return wanted.every(({ entry }) => entry.state === 'done') ? EXIT.done : EXIT.failed;
}

/** Models in training at once: what the file says, else one per thread's worth of cores; never more than models. */
function slotsOf({ compute }: TrainingFile, models: number): number {
  const cores = Math.max(1, Math.floor(os.availableParallelism() / compute.threadsPerSession));
  return compute.children ?? Math.min(cores, Math.max(1, models));
}
