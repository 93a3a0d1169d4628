// The numbers of every feature of a dictionary as columns, for sorting and filtering: what a row of `features` has besides is read later,
// of the few features that are shown. Holds 24 bytes a feature, a million of them in 24 MB.
import type { ObjectRecord } from '../../schemas/records.js';
import type { ReadCounters } from '../../storage/scan/batch-reader.js';
import { readBatches } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { TableColumns } from '../../storage/tables/layouts.js';

/** Ascending features; row i of each column is one. */
export interface FeatureColumns {
  readonly feature: Uint32Array;
  readonly n: Float64Array;
  readonly density: Float64Array;
  /** NaN where the feature is silent. */
  readonly max: Float32Array;
}

export interface FeatureTables {
  readonly store: ObjectStore;
  /** Of the index. */
  readonly objects: readonly ObjectRecord[];
  readonly counters: ReadCounters;
  readonly signal: AbortSignal;
}

type Rows = TableColumns['features'];

/**
 * The columns of all indexed features.
 * @param see shown every batch, with the row of its first feature, where more of it is wanted than the columns hold
 */
export async function readFeatureColumns(
  tables: FeatureTables,
  see: (rows: Rows, at: number) => void = () => undefined,
): Promise<FeatureColumns> {
  const objects = inOrder(tables.objects);
  const rows = objects.reduce((sum, object) => sum + object.rows, 0);
  const columns = {
    feature: new Uint32Array(rows),
    n: new Float64Array(rows),
    density: new Float64Array(rows),
    max: new Float32Array(rows),
  };
  let at = 0;
  for await (const { columns: batch } of readBatches('features', planRanges(objects, {}), tables)) {
    columns.feature.set(batch.feature, at);
    columns.n.set(batch.n, at);
    columns.density.set(batch.density, at);
    columns.max.set(batch.max, at);
    see(batch, at);
    at += batch.feature.length;
  }
  return columns;
}

/** Shows `take` the rows of these features, in any order. */
export async function readFeatureRows(
  tables: FeatureTables,
  features: readonly number[],
  take: (rows: Rows, row: number) => void,
): Promise<void> {
  const wanted = new Set(features);
  const plan = planRanges(inOrder(tables.objects), { feature: { in: features } });
  for await (const { columns } of readBatches('features', plan, tables))
    columns.feature.forEach((feature, row) => {
      if (wanted.has(feature)) take(columns, row);
    });
}

/** The objects of `features` by the features that they hold. */
function inOrder(objects: readonly ObjectRecord[]): ObjectRecord[] {
  const first = (object: ObjectRecord): number => object.batches[0]?.min ?? Infinity;
  return objects.filter(({ table, rows }) => table === 'features' && rows > 0).sort((a, b) => first(a) - first(b));
}

/** The row of a feature; −1 where the index does not have it. */
export function rowOf({ feature: features }: FeatureColumns, feature: number): number {
  let [low, high] = [0, features.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((features[middle] as number) < feature) low = middle + 1;
    else high = middle;
  }
  return features[low] === feature ? low : -1;
}
