// How well the features of a dictionary match other directions: the true ones of a generator, or those of another dictionary.
//
//   S[j, i]     |cos(W_dec[j], e_i)|, or the cosine itself where direction matters         [F, n]
//   π           one to one, Σ_j S[j, π(j)] largest (min(F, n) pairs)
//   MCC         mean S[j, π(j)] over the pairs
//   shared      share of the pairs with S ≥ 0.7
//   best(j)     argmax_i S[j, i], the lower i on a tie
//   uniqueness  |{best(j)}| / F
//
// Sources: MCC by X. Song et al. (2025), "Position: Mechanistic Interpretability Should Prioritize Feature Consistency in SAEs", arXiv
// 2505.20254, as SAELens 6.54.12 computes it (`mean_correlation_coefficient`, `feature_uniqueness`); 0.7 by G. Paulo and N. Belrose
// (2025), "Sparse Autoencoders Trained on the Same Data Learn Different Features", arXiv 2501.16615, who ask it of encoder and decoder
// rows both, of the signed cosine; here it is asked of decoder rows alone. Departure: a zero row has cosine 0 (SAELens: the same, by
// its clamp). With more features than true directions MCC is the mean over n pairs, so that dead features do not lower it.
// Tests: tests/golden/truth/measures.test.ts.
import { assignRows } from '../../statistics/assignment.js';
import type { Matrix, Multiply } from '../../tensor/matrix.js';
import { absolute, computeCosines, transpose } from './cosines.js';

/** Cosine above which two features count as the same. */
export const SHARED = 0.7;

export interface Matching {
  readonly mcc: number;
  /** Share of the pairs with a similarity of at least 0.7. */
  readonly shared: number;
  readonly uniqueness: number;
  readonly pairs: number;
  /** The most similar direction of each feature [F], and how similar it is. */
  readonly best: Int32Array;
  readonly bestSimilarity: Float32Array;
  /** The direction assigned to each feature [F]; −1 where it got none. */
  readonly assigned: Int32Array;
  readonly assignedSimilarity: Float32Array;
}

export interface MatchOptions {
  readonly multiply: Multiply;
  /** Whether opposite directions count as the same, as |cos| has it. */
  readonly signless: boolean;
}

/** Matches the rows of `features` [F, d] with those of `directions` [n, d]. */
export async function matchFeatures(
  features: Matrix,
  directions: Matrix,
  { multiply, signless }: MatchOptions,
): Promise<Matching> {
  const cosines = await computeCosines(features, directions, multiply);
  return matchSimilarities(signless ? absolute(cosines) : cosines);
}

/** The matching that similarities [F, n] give. */
export function matchSimilarities(similarity: Matrix): Matching {
  const { data, rows, columns } = similarity;
  const { best, bestSimilarity } = bestOf(similarity);
  const assigned = assignFeatures(similarity);
  const assignedSimilarity = Float32Array.from(assigned, (column, row) =>
    column < 0 ? NaN : (data[row * columns + column] as number),
  );
  let [sum, shared] = [0, 0];
  for (const value of assignedSimilarity) {
    if (Number.isNaN(value)) continue;
    sum += value;
    if (value >= SHARED) shared++;
  }
  const pairs = Math.min(rows, columns);
  return {
    ...{ mcc: sum / pairs, shared: shared / pairs, uniqueness: new Set(best).size / rows, pairs },
    ...{ best, bestSimilarity, assigned, assignedSimilarity },
  };
}

function bestOf({ data, rows, columns }: Matrix): Pick<Matching, 'best' | 'bestSimilarity'> {
  const best = new Int32Array(rows);
  const bestSimilarity = new Float32Array(rows).fill(-Infinity);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = data[row * columns + column] as number;
      if (value <= (bestSimilarity[row] as number)) continue;
      bestSimilarity[row] = value;
      best[row] = column;
    }
  }
  return { best, bestSimilarity };
}

function assignFeatures(similarity: Matrix): Int32Array {
  const { rows, columns } = similarity;
  if (rows <= columns) return assignRows(similarity);
  const assigned = new Int32Array(rows).fill(-1);
  assignRows(transpose(similarity)).forEach((row, column) => {
    assigned[row] = column;
  });
  return assigned;
}
