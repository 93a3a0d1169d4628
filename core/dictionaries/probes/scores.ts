// How good answers are, from counts of right and wrong ones. Pure.
//
//   F1 = 2 TP / (2 TP + FP + FN)        balanced accuracy = ½ (TP / (TP + FN) + TN / (TN + FP))
// NaN where there is nothing of a class to be right about.

/** Counts, or sums of weights. */
export interface Answers {
  /** Of the class and found. */
  readonly found: number;
  /** Of the class. */
  readonly own: number;
  /** Of the others, and taken for the class. */
  readonly mistaken: number;
  /** Of the others. */
  readonly others: number;
}

export function f1Of({ found, own, mistaken }: Answers): number {
  return own === 0 ? NaN : (2 * found) / (own + found + mistaken);
}

export function balancedAccuracyOf({ found, own, mistaken, others }: Answers): number {
  return own === 0 || others === 0 ? NaN : (found / own + 1 - mistaken / others) / 2;
}

/** @param scores [rows], above 0: said to be of the class */
export function answersOf(scores: ArrayLike<number>, y: Uint8Array): Answers {
  const counts = { found: 0, own: 0, mistaken: 0, others: 0 };
  y.forEach((own, i) => {
    const said = (scores[i] as number) > 0;
    counts[own === 1 ? 'own' : 'others']++;
    if (said) counts[own === 1 ? 'found' : 'mistaken']++;
  });
  return counts;
}
