// The calib rows in batches of scaled rows, zeros after the last, and sums over what a dictionary writes of them.
import { gatherRows } from '../../../core/dictionaries/gather.js';
import type { StoredRows } from '../row-file.js';

export interface CalibBatch {
  /** [B, width] of each site whose rows are fed. */
  readonly sites: readonly Float32Array[];
  /** Rows that are there. */
  readonly count: number;
}

interface BatchSizes {
  readonly batchRows: number;
  /** Of each site. */
  readonly scales: readonly number[];
}

/** The same arrays are filled again for every batch. */
export function* calibBatches(calib: StoredRows, sizes: BatchSizes): Generator<CalibBatch> {
  const sites = calib.sites.map(({ width }) => new Float32Array(sizes.batchRows * width));
  for (let index = 0; index * sizes.batchRows < calib.rows; index++) yield fillBatch(calib, { index, sites }, sizes);
}

/** One of them, in arrays of its own. */
export function calibBatch(calib: StoredRows, index: number, sizes: BatchSizes): CalibBatch {
  const sites = calib.sites.map(({ width }) => new Float32Array(sizes.batchRows * width));
  return fillBatch(calib, { index, sites }, sizes);
}

function fillBatch(
  calib: StoredRows,
  { index, sites }: { readonly index: number; readonly sites: readonly Float32Array<ArrayBuffer>[] },
  { batchRows, scales }: BatchSizes,
): CalibBatch {
  const start = index * batchRows;
  const count = Math.min(batchRows, calib.rows - start);
  const rows = Uint32Array.from({ length: count }, (_, i) => start + i);
  for (const [site, { width, act }] of calib.sites.entries()) {
    const target = sites[site] as Float32Array<ArrayBuffer>;
    target.fill(0, count * width);
    gatherRows(act, target.subarray(0, count * width), { rows, width, scale: scales[site] as number });
  }
  return { sites, count };
}

/** Adds rows of the sites written, in float64. */
export function addTargets(
  sums: { xSq: number; readonly sumX: Float64Array },
  targets: readonly { readonly rows: Float32Array; readonly width: number }[],
  count: number,
): void {
  let from = 0;
  for (const { rows, width } of targets) {
    for (let i = 0; i < count * width; i++) {
      const value = rows[i] as number;
      const at = from + (i % width);
      sums.sumX[at] = (sums.sumX[at] as number) + value;
      sums.xSq += value * value;
    }
    from += width;
  }
}
