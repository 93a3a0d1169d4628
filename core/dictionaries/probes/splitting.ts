// Into how many features a class is split (Chanin et al. 2024, arXiv 2409.14507): sparse probes of 1, 2, 3, … features; as long as one feature
// more raises F1 by at least 0.03 it is a part of the class.
//
//   features of the class = the first k chosen, k the least with F1(k + 1) − F1(k) < 0.03;  F1 on the fitted rows, so that the rows by
//   which everything is judged choose nothing
import { chooseFeatures } from './choose.js';
import { confusionOf, f1Of, fitProbe, predict } from './linear-probe.js';
import { featureValues, type ProbeRows, type Task } from './probe-rows.js';

const LEAST_JUMP = 0.03;
const MOST_FEATURES = 10;

export interface Splitting {
  /** The features that stand for the class, the most different first; none where none fires. */
  readonly features: readonly number[];
  /** F1 of the probes of 1, 2, … features that were tried. */
  readonly f1: readonly number[];
}

export function measureSplitting(rows: ProbeRows, task: Task): Splitting {
  const chosen = chooseFeatures(rows, task, MOST_FEATURES);
  const f1: number[] = [];
  for (let k = 1; k <= chosen.length; k++) {
    const values = featureValues(rows, task.rows, chosen.slice(0, k));
    const probe = fitProbe(values, task.positive);
    f1.push(f1Of(confusionOf(task.positive, predict(probe, values, task.rows.length))));
    if (k > 1 && (f1[k - 1] as number) - (f1[k - 2] as number) < LEAST_JUMP)
      return { features: chosen.slice(0, k - 1), f1 };
  }
  return { features: chosen, f1 };
}
