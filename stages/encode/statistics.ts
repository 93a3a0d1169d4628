// Sums of an encoded shard for its commit: what the index stage needs for metrics without reading the rows again. Float64,
// added in token order; arrays as base64 of little-endian bytes.
import type { Firings } from '../../core/sae/token-order.js';

/** A shard in token order, and what encoding found. */
export interface EncodedShard {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly firings: Firings;
  readonly xSq: Float32Array;
  readonly errSq: Float32Array;
  /** Σ x [d] in float64. */
  readonly sumX: Float64Array;
}

/** Statistics of an encode commit, JSON. `perDocument` holds [rows, xSq, errSq, firings] per document, in doc order. */
export interface EncodeStatistics {
  readonly rows: number;
  readonly documents: number;
  readonly firings: number;
  readonly xSq: number;
  readonly errSq: number;
  readonly sumX: string;
  readonly fired: string;
  readonly perDocument: string;
}

/** The sums of a shard whose rows are in token order; `fired` counts firings per feature [F]. */
export function computeStatistics(
  shard: EncodedShard,
  fired: Uint32Array,
): Record<keyof EncodeStatistics, unknown> {
  const perDocument: number[] = [];
  let xSq = 0;
  let errSq = 0;
  shard.doc.forEach((doc, row) => {
    if (row === 0 || doc !== shard.doc[row - 1]) perDocument.push(0, 0, 0, 0);
    const at = perDocument.length - 4;
    const { offsets } = shard.firings;
    const counts = [
      1,
      shard.xSq[row] as number,
      shard.errSq[row] as number,
      (offsets[row + 1] as number) - (offsets[row] as number),
    ];
    counts.forEach((count, i) => (perDocument[at + i] = (perDocument[at + i] as number) + count));
    xSq += counts[1] as number;
    errSq += counts[2] as number;
  });
  return {
    rows: shard.doc.length,
    documents: perDocument.length / 4,
    firings: shard.firings.feature.length,
    xSq,
    errSq,
    sumX: base64(shard.sumX),
    fired: base64(fired),
    perDocument: base64(Float64Array.from(perDocument)),
  };
}

function base64(values: Float64Array | Uint32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}
