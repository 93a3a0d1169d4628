// Sums of an encoded shard: what the index stage needs for metrics without reading the rows again. Float64, added in token
// order. Single numbers go into the commit's statistics, arrays into its counts object.
import type { Firings } from '../../core/dictionaries/token-order.js';
import { PER_DOCUMENT, type ShardCounts } from './counts-file.js';

/** A shard in token order, and what encoding found. */
export interface EncodedShard {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly firings: Firings;
  /** ‖x‖² and ‖x_hat − x‖² in float64: rounded to float32, the variance of rows with a large mean is lost in the sums. */
  readonly xSq: Float64Array;
  readonly errSq: Float64Array;
  /** ‖x − c‖², c the mean of the shard's rows. */
  readonly spread: Float64Array;
  /** Σ x [d] in float64. */
  readonly sumX: Float64Array;
}

/** Statistics of an encode commit, JSON: single numbers, so that a commit stays small however wide the dictionary is. */
export interface EncodeStatistics {
  readonly rows: number;
  /** Documents with rows. */
  readonly documents: number;
  readonly firings: number;
  readonly xSq: number;
  readonly errSq: number;
}

export interface ShardSums {
  readonly statistics: EncodeStatistics;
  readonly counts: ShardCounts;
}

/** The sums of a shard whose rows are in token order; `fired` counts firings per feature [F]. */
export function computeSums(shard: EncodedShard, fired: Uint32Array): ShardSums {
  const { doc, firings, sumX } = shard;
  const { offsets } = firings;
  let documents = 0;
  for (let row = 0; row < doc.length; row++) if (row === 0 || doc[row] !== doc[row - 1]) documents++;
  const perDocument = new Float64Array(documents * PER_DOCUMENT);
  let at = -PER_DOCUMENT;
  let [xSq, errSq] = [0, 0];
  for (let row = 0; row < doc.length; row++) {
    if (row === 0 || doc[row] !== doc[row - 1]) at += PER_DOCUMENT;
    const [x, e] = [shard.xSq[row] as number, shard.errSq[row] as number];
    const fires = (offsets[row + 1] as number) - (offsets[row] as number);
    perDocument[at] = (perDocument[at] as number) + 1;
    perDocument[at + 1] = (perDocument[at + 1] as number) + (shard.spread[row] as number);
    perDocument[at + 2] = (perDocument[at + 2] as number) + e;
    perDocument[at + 3] = (perDocument[at + 3] as number) + fires;
    xSq += x;
    errSq += e;
  }
  return {
    statistics: { rows: doc.length, documents, firings: firings.feature.length, xSq, errSq },
    counts: { perDocument, sumX, fired },
  };
}
