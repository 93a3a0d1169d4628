// Feature splitting: how many features it takes to say what one class is. Pure.
//
//   k' = the least k ≥ 1 with F1(k + 1) ≤ F1(k) + 0.03,  F1(k) of the probe on the k features of largest mean difference towards the class
//
// Source: Chanin et al. (2024, arXiv 2409.14507, section 4: a feature is split where one more raises F1 by more than τ_fs = 0.03), at most 10
// features, as SAEBench's k_sparse_probing. Departures: features are chosen by mean difference (theirs: by the weights of a probe with an L1
// penalty), and rows of the class are as many as others (theirs: a class among 26, so that F1 is lower).

/** Gain in F1 above which a further feature counts. */
const SPLIT_GAIN = 0.03;
/** Features tried. */
export const MOST_SPLIT = 10;

/** How many features a class takes. @param f1 by k − 1; not empty */
export function countSplit(f1: readonly number[]): number {
  let k = 1;
  while (k < f1.length && (f1[k] as number) > (f1[k - 1] as number) + SPLIT_GAIN) k++;
  return k;
}
