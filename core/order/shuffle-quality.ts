// How well rows are mixed: same-document partners per row in a batch, beside what drawing rows at random would give.
//
//   partners = Σ_d c_d (c_d − 1) / B, averaged over batches; c_d = rows of document d in the batch of B rows
//   ideal    = (B − 1) Σ_d n_d (n_d − 1) / (N (N − 1)); n_d = rows of document d among all N fit rows
//
// The ideal is estimated from the blocks of one super-buffer: a block is a uniform sample of its shard's rows and a document
// lies in one shard, so Σ_d c_d (c_d − 1) / (n (n − 1)) (n rows in the block) estimates the shard's probability that two rows
// share a document, and (R_s − 1) / (N − 1) is the probability that a second row comes from the same shard of R_s rows.

export interface ShuffleQuality {
  /** Batches looked at. */
  readonly batches: number;
  readonly partners: number;
  readonly ideal: number;
}

export interface ShuffleSample {
  /** Document of each row of the super-buffer, in the order of use. */
  readonly shuffled: Uint32Array;
  /** Document of each row, blocks end to end. */
  readonly stored: Uint32Array;
  readonly blocks: readonly { readonly rows: number; readonly shardRows: number }[];
  readonly batchRows: number;
  /** N: rows of the fit split. */
  readonly totalRows: number;
}

/** Partners in the whole batches of one super-buffer, and the estimated ideal; NaN where there is no whole batch. */
export function computeShuffleQuality(sample: ShuffleSample): ShuffleQuality {
  const { shuffled, batchRows } = sample;
  const batches = Math.floor(shuffled.length / batchRows);
  let pairs = 0;
  for (let b = 0; b < batches; b++) {
    pairs += samePairs(shuffled.subarray(b * batchRows, (b + 1) * batchRows));
  }
  return {
    batches,
    partners: pairs / (batches * batchRows),
    ideal: (batchRows - 1) * pairProbability(sample),
  };
}

function pairProbability({ stored, blocks, totalRows }: ShuffleSample): number {
  let start = 0;
  let weighted = 0;
  for (const { rows, shardRows } of blocks) {
    const same = rows < 2 ? 0 : samePairs(stored.subarray(start, start + rows)) / (rows * (rows - 1));
    weighted += (rows * same * (shardRows - 1)) / (totalRows - 1);
    start += rows;
  }
  return weighted / start;
}

/** Σ_d c_d (c_d − 1): ordered pairs of rows with one document. */
function samePairs(documents: Uint32Array): number {
  const sorted = documents.slice().sort();
  let pairs = 0;
  let run = 0;
  for (let i = 0; i < sorted.length; i++) {
    run = i > 0 && sorted[i] === sorted[i - 1] ? run + 1 : 0;
    pairs += 2 * run;
  }
  return pairs;
}
