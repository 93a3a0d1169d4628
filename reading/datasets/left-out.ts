// What a run's data leaves out for good: shards that were quarantined in any stage that a dataset is made from. The dataset itself is
// complete without them, so whoever reads numbers from it is told here.
import type { z } from 'zod';
import type { leftOutList } from '../../schemas/documents/left-out.js';
import type { Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { listDatasets } from '../../storage/records/snapshots.js';
import { newestSnapshot } from '../runs/stage-keys.js';
import { dictionariesOf } from './given-names.js';

export type LeftOut = z.infer<typeof leftOutList>;

const READS_AT_ONCE = 16;

/** @param of a dataset as one revision published it; other dictionaries of its run are none of its stages */
export async function leftOut(
  store: ObjectStore,
  { dataset, revision }: Pick<Snapshot, 'dataset' | 'revision'>,
): Promise<LeftOut> {
  const [run = '', own = ''] = dataset.split('/');
  const names = (await listDatasets(store, run)).map((entry) => entry.dataset);
  const others = dictionariesOf(names).filter(({ dictionary }) => dictionary !== own);
  const stages = names.filter((name) => !others.some(({ dictionary }) => name.startsWith(`${run}/${dictionary}/`)));
  const found = await mapParallel(stages, READS_AT_ONCE, (name) =>
    newestSnapshot(store, name, (snapshot) => snapshot.revision === revision),
  );
  // Datasets that one stage writes side by side leave out the same shards.
  const byWork = new Map<string, LeftOut[number]>();
  for (const snapshot of found.sort((a, b) => ((a?.dataset ?? '') < (b?.dataset ?? '') ? -1 : 1))) {
    if (snapshot === null || snapshot.quarantined === 0) continue;
    const work = `${snapshot.stage} ${snapshot.key}`;
    if (!byWork.has(work)) byWork.set(work, { dataset: snapshot.dataset, shards: snapshot.quarantined });
  }
  return [...byWork.values()];
}
