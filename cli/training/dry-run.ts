// What `model train --dry-run` knows: the models, and of those that were planned before, how far they are. Writes nothing.
import { committedStreams, modelUnits, streamUnits } from '../../pipeline/plan/training-units.js';
import type { ResolvedTraining } from '../../pipeline/resolve/resolve-training.js';
import { createPinnedReader } from '../../pipeline/plan/pinned.js';
import type { StageUnits } from '../../pipeline/plan/stage-units.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { summarise } from './summary.js';
import type { Trained } from './train-all.js';

/** @param known whether the store holds this very training already */
export async function dryRun(store: ObjectStore, training: ResolvedTraining, known: boolean): Promise<Trained> {
  const units = known || !training.corpus ? await plannedModels(store, training) : null;
  return { finished: true, summaries: await summarise(store, training, units) };
}

async function plannedModels(store: ObjectStore, training: ResolvedTraining): Promise<StageUnits | null> {
  const pinned = createPinnedReader(store, training.tokens.revision);
  const streams = await streamUnits(training, pinned);
  const committed = streams && (await committedStreams(store, streams));
  return committed ? modelUnits(training, committed) : null;
}
