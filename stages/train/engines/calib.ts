// The calib rows in batches of scaled rows, zeros after the last, and sums over what a dictionary writes of them.
import { gatherRows } from '../../../core/dictionaries/gather.js';
import type { StoredRows } from '../row-file.js';

export interface CalibBatch {
  /** [B, width] of each site whose rows are fed. */
  readonly sites: readonly Float32Array[];
  /** Rows that are there. */
  readonly count: number;
}

/** The same arrays are filled again for every batch. */
export function* calibBatches(
  calib: StoredRows,
  { batchRows, scales }: { readonly batchRows: number; readonly scales: readonly number[] },
): Generator<CalibBatch> {
  const sites = calib.sites.map(({ width }) => new Float32Array(batchRows * width));
  for (let start = 0; start < calib.rows; start += batchRows) {
    const count = Math.min(batchRows, calib.rows - start);
    const rows = Uint32Array.from({ length: count }, (_, i) => start + i);
    for (const [site, { width, act }] of calib.sites.entries()) {
      const target = sites[site] as Float32Array;
      target.fill(0, count * width);
      gatherRows(act, target.subarray(0, count * width), { rows, width, scale: scales[site] as number });
    }
    yield { sites, count };
  }
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
