// One feature's row of a table that is sorted by feature: the batch that holds it and nothing else is read.
import type { ObjectRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters, readBatches } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { ProfileTable } from './profile-tables.js';

export interface ProfileSource<T extends ProfileTable> {
  readonly store: ObjectStore;
  readonly table: T;
  readonly objects: readonly ObjectRecord[];
}

/** What `take` makes of the feature's row; null where the table has none. */
export async function readProfileRow<T extends ProfileTable, Made>(
  { store, table, objects }: ProfileSource<T>,
  feature: number,
  take: (columns: TableColumns[T], row: number) => Made,
): Promise<Made | null> {
  const plan = planRanges(objects, { feature: { from: feature, to: feature + 1 } });
  for await (const { columns } of readBatches(table, plan, { store, counters: newCounters() })) {
    const { feature: features } = columns as TableColumns[ProfileTable];
    const row = features.indexOf(feature);
    if (row >= 0) return take(columns, row);
  }
  return null;
}
