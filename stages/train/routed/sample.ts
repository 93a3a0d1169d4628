// How many fit rows clusters are found on: a share of r rows that is equal on the sample is equal within about 1 / √r on all.

/** Rows at most; numbers that they may take, but for experts that would have too few; numbers of their scores. */
const MOST = { rows: 2 ** 18, numbers: 2 ** 26, scores: 2 ** 27 } as const;
/** Rows that an expert's share is set by, where there are so many. */
const ROWS_PER_EXPERT = 1024;

/** Rows of the sample at most. */
export function sampleRows({ width, experts }: { readonly width: number; readonly experts: number }): number {
  const wanted = Math.max(MOST.numbers / width, ROWS_PER_EXPERT * experts);
  return Math.floor(Math.min(MOST.rows, wanted, MOST.scores / experts));
}
