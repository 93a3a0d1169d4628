// Intervals of ratios of sums by resampling documents with replacement: rows of a document are not independent, documents are.
// Several statistics of one call see the same draws, so that their differences are paired. Percentile method, nearest rank
// (Efron and Tibshirani 1993, section 13.3).
import type { KeyedRandom } from '../tensor/random.js';

/** Sums by document: one row per document, one column per sum. */
export interface DocumentSums {
  readonly documents: number;
  readonly columns: number;
  /** [documents, columns] */
  readonly values: Float64Array;
}

export interface Interval {
  readonly lo: number;
  readonly hi: number;
}

/** A number from the column sums of some documents; NaN where it has none. */
export type Statistic = (sums: Float64Array) => number;

/** Column sums over all documents, in their order. */
export function totals({ documents, columns, values }: DocumentSums): Float64Array {
  const sums = new Float64Array(columns);
  for (let d = 0; d < documents; d++) addRow(sums, values, d * columns);
  return sums;
}

/**
 * The 2.5 % and 97.5 % points of each statistic over resamples of as many documents; null where fewer than two documents, or
 * no resample gave a number.
 */
export function bootstrapIntervals(
  sums: DocumentSums,
  statistics: readonly Statistic[],
  { resamples, random }: { readonly resamples: number; readonly random: KeyedRandom },
): (Interval | null)[] {
  const { documents, columns, values } = sums;
  if (documents < 2 || resamples < 1) return statistics.map(() => null);
  const drawn = statistics.map(() => new Float64Array(resamples));
  const sample = new Float64Array(columns);
  for (let r = 0; r < resamples; r++) {
    sample.fill(0);
    for (let draw = 0; draw < documents; draw++) addRow(sample, values, random.nextInt(documents) * columns);
    statistics.forEach((statistic, i) => ((drawn[i] as Float64Array)[r] = statistic(sample)));
  }
  return drawn.map(percentiles);
}

/**
 * As `bootstrapIntervals`, of statistics that need more than sums: each resample says how often every document is in it.
 * @param statistics of the draws of each document, [documents]; all numbers of a resample at once
 */
export function bootstrapDraws(
  documents: number,
  statistics: (draws: Uint32Array) => Float64Array,
  { resamples, random }: { readonly resamples: number; readonly random: KeyedRandom },
): (Interval | null)[] {
  const draws = new Uint32Array(documents);
  const drawn: Float64Array[] = [];
  for (let r = 0; r < resamples && documents > 1; r++) {
    draws.fill(0);
    for (let draw = 0; draw < documents; draw++) {
      const document = random.nextInt(documents);
      draws[document] = (draws[document] as number) + 1;
    }
    drawn.push(statistics(draws));
  }
  const numbers = drawn[0]?.length ?? statistics(draws).length;
  return Array.from({ length: numbers }, (_, i) => percentiles(Float64Array.from(drawn, (own) => own[i] as number)));
}

function percentiles(values: Float64Array): Interval | null {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return null;
  const rank = (q: number): number => sorted[Math.ceil(q * sorted.length) - 1] as number;
  return { lo: rank(0.025), hi: rank(0.975) };
}

function addRow(sums: Float64Array, values: Float64Array, at: number): void {
  for (let c = 0; c < sums.length; c++) sums[c] = (sums[c] as number) + (values[at + c] as number);
}
