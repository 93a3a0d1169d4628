// Which features (or coordinates of activations) a sparse probe may read: those whose mean differs most between a class and the others
// (Gurnee et al. 2023, arXiv 2305.01610, "maximum mean difference"; SAEBench does the same).
//
//   δ_j = | mean over rows of the class of f_j − mean over the others of f_j |;   the k largest, equal ones by the lower number
import type { ProbeRows, Task } from './probe-rows.js';

/** Features with the largest difference, largest first. */
export function chooseFeatures({ firing }: ProbeRows, { rows, positive }: Task, k: number): number[] {
  const { offsets, feature, value } = firing;
  const [ones, zeros] = countsOf(positive);
  const differences = new Map<number, number>();
  rows.forEach((row, i) => {
    const weight = positive[i] === 1 ? 1 / ones : -1 / zeros;
    for (let p = offsets[row] as number; p < (offsets[row + 1] as number); p++) {
      const id = feature[p] as number;
      differences.set(id, (differences.get(id) ?? 0) + weight * (value[p] as number));
    }
  });
  return largest([...differences], k);
}

/** Coordinates with the largest difference, largest first. */
export function chooseCoordinates({ act, width }: ProbeRows, { rows, positive }: Task, k: number): number[] {
  const [ones, zeros] = countsOf(positive);
  const differences = new Float64Array(width);
  rows.forEach((row, i) => {
    const weight = positive[i] === 1 ? 1 / ones : -1 / zeros;
    for (let j = 0; j < width; j++)
      differences[j] = (differences[j] as number) + weight * (act[row * width + j] as number);
  });
  return largest([...differences.entries()], k);
}

function countsOf(positive: Uint8Array): readonly [number, number] {
  const ones = positive.reduce((sum, one) => sum + one, 0);
  return [ones, positive.length - ones];
}

function largest(differences: [number, number][], k: number): number[] {
  return differences
    .sort(([a, x], [b, y]) => Math.abs(y) - Math.abs(x) || a - b)
    .slice(0, k)
    .map(([id]) => id);
}
