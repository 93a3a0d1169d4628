// Sums of the encoded shards of each split, float64, in the order in which shards are added. Holds 4 numbers per document
// (the metrics resample documents) and one per feature and per dimension of x for each split; never a shard beside them.
import type { Split } from '../../schemas/stages.js';
import { PER_DOCUMENT, type ShardCounts } from '../encode/counts-file.js';
import type { ShardTotals } from './statistics.js';

/** Sums over the shards of one split. */
export interface SplitSums {
  rows: number;
  documents: number;
  firings: number;
  xSq: number;
  errSq: number;
  /** Σ x [d] */
  readonly sumX: Float64Array;
  /** [F] */
  readonly fired: Float64Array;
  /** [documents, 4]: rows, Σ‖x − r‖², Σ‖e‖², firings */
  readonly perDocument: Float64Array;
  /** r [d]: the mean of the first shard that has rows. */
  readonly centre: Float64Array;
}

export interface SumSizes {
  readonly shards: readonly ShardTotals[];
  readonly width: number;
  readonly features: number;
}

/** Adds up shards; what all of them need is allocated at once. */
export class SumCollector {
  readonly sums = new Map<Split, SplitSums>();

  constructor({ shards, width, features }: SumSizes) {
    const documents = new Map<Split, number>();
    for (const { split, documents: own } of shards) documents.set(split, (documents.get(split) ?? 0) + own);
    for (const [split, count] of documents)
      this.sums.set(split, {
        ...{ rows: 0, documents: 0, firings: 0, xSq: 0, errSq: 0 },
        sumX: new Float64Array(width),
        fired: new Float64Array(features),
        perDocument: new Float64Array(count * PER_DOCUMENT),
        centre: new Float64Array(width),
      });
  }

  /** Takes the next shard; its counts have the sizes that its totals and the dictionary demand. */
  add(totals: ShardTotals, counts: ShardCounts): void {
    const sum = this.sums.get(totals.split) as SplitSums;
    if (sum.rows === 0) sum.centre.set(counts.sumX.map((x) => x / Math.max(1, totals.rows)));
    sum.perDocument.set(aboutCentre(sum.centre, totals.rows, counts), sum.documents * PER_DOCUMENT);
    for (const name of ['rows', 'documents', 'firings', 'xSq', 'errSq'] as const) sum[name] += totals[name];
    addTo(sum.sumX, counts.sumX);
    addTo(sum.fired, counts.fired);
  }
}

/**
 * Sums by document about r instead of about c, the mean of the shard: Σ‖x − r‖² = Σ‖x − c‖² + n ‖c − r‖² + 2 (c − r)·Σ(x − c), whose
 * last term is 0 over the shard and left out of its documents.
 */
function aboutCentre(centre: Float64Array, rows: number, { perDocument, sumX }: ShardCounts): Float64Array {
  const apart = rows === 0 ? 0 : sumX.reduce((sum, x, j) => sum + (x / rows - (centre[j] as number)) ** 2, 0);
  const isSpread = (i: number): boolean => i % PER_DOCUMENT === 1;
  return perDocument.map((value, i) => (isSpread(i) ? value + (perDocument[i - 1] as number) * apart : value));
}

function addTo(sums: Float64Array, values: Float64Array | Uint32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (values[i] as number);
}
