// The control `randomModel`: the same dictionary, trained in the same way on the activations of the model without training
// (`assay model randomise`). Other rows, so that nothing can be resampled in pairs. Pure.
//
//   fvuDifference = fvu − fvu_random,  interval [lo − hi_random, hi − lo_random]: wider than one of the difference, never narrower
import type { EvaluationEntry } from './summarise.js';

export const RANDOM_MODEL = 'randomModel';
const METRICS = ['fvu', 'l0', 'cosine', 'reconstructionBias'];

type Measured = Omit<EvaluationEntry, 'subject'>;

/** @param own the dictionary's evaluation @param other that of the dictionary on the model without training */
export function randomModelControl(own: readonly EvaluationEntry[], other: readonly Measured[]): EvaluationEntry[] {
  const taken = other.filter(({ metric }) => METRICS.includes(metric));
  const fvu = own.find(({ subject, metric }) => subject === 'dictionary' && metric === 'fvu');
  const random = taken.find(({ metric }) => metric === 'fvu');
  const less = (a: number | null | undefined, b: number | null | undefined): number | null =>
    a === null || a === undefined || b === null || b === undefined ? null : a - b;
  return [
    ...taken.map(({ metric, value, lo, hi, n }) => ({ subject: RANDOM_MODEL, metric, value, lo, hi, n })),
    {
      ...{ subject: RANDOM_MODEL, metric: 'fvuDifference', value: less(fvu?.value, random?.value) },
      ...{ lo: less(fvu?.lo, random?.hi), hi: less(fvu?.hi, random?.lo), n: Math.min(fvu?.n ?? 0, random?.n ?? 0) },
    },
  ];
}
