// A training from its resolved form to its summary: records, children, stages, and how it ended.
import type { StageUnits } from '../../pipeline/plan/stage-units.js';
import type { Upload } from '../../pipeline/resolve/resolve-run.js';
import type { ResolvedTraining } from '../../pipeline/resolve/resolve-training.js';
import { storeTraining } from '../../pipeline/plan/training-records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { assertUsableStore } from '../../storage/probe/probe-store.js';
import type { CommandContext } from '../command.js';
import { Journal } from './journal.js';
import { Reporter } from './reporter.js';
import { runTraining } from './run-training.js';
import { summarise, type ModelSummary } from './summary.js';
import { openWorkshop } from './workshop.js';

export interface TrainAllInput {
  readonly store: ObjectStore;
  readonly training: ResolvedTraining;
  readonly uploads: readonly Upload[];
  readonly only: string | null;
  readonly context: CommandContext;
  readonly folder: string;
  readonly slots: number;
}

export interface Trained {
  /** False where it was interrupted. */
  readonly finished: boolean;
  readonly summaries: readonly ModelSummary[];
}

export async function trainAll(input: TrainAllInput): Promise<Trained> {
  const { store, training, context, folder, slots } = input;
  await assertUsableStore(store);
  await storeTraining(store, training, input.uploads);
  const journal = new Journal(store, training);
  const environment = context.io.environment;
  const workshop = await openWorkshop(store, { folder, slots, environment });
  const stop = context.io.signal;
  const stopAll = (): void => {
    workshop.children.stopAll();
  };
  stop.addEventListener('abort', stopAll, { once: true });
  const reporter = new Reporter(context.output);
  const { only } = input;
  const planned = async (): Promise<StageUnits | null> => {
    try {
      await journal.start();
      return await runTraining({ store, training, workshop, journal, reporter, stop, only });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // Where the store itself failed, there is nobody to tell.
      await journal.end('failed', { message }).catch(() => undefined);
      throw error;
    } finally {
      stop.removeEventListener('abort', stopAll);
      await workshop.close();
    }
  };
  const units = await planned();
  const summaries = await summarise(store, training, units);
  if (stop.aborted) await journal.end('cancelled', {});
  else await journal.end(...outcome(summaries, input.only));
  return { finished: !stop.aborted, summaries };
}

function outcome(
  summaries: readonly ModelSummary[],
  only: string | null,
): [type: 'completed' | 'failed', data: Record<string, unknown>] {
  const failed = summaries.filter(({ entry }) => entry.state === 'failed' && (only ?? entry.model) === entry.model);
  const first = failed[0]?.entry;
  if (!first) return ['completed', {}];
  const message = `${failed.length} of ${summaries.length} models failed; ${first.model}: ${first.error?.message ?? ''}`;
  return ['failed', { message }];
}
