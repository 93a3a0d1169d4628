// The metrics of one dictionary from sums over its encode commits: FVU, L0, silent and dense features per split, with
// intervals. Pure: reads sums over the commits, computes nothing from activations.
//   FVU and L0 as core/dictionaries/metrics.ts defines them, x̄ = mean of the n evaluated rows
//   silent: features without a firing;  dense: features that fire on more than 10 % of the rows
// Intervals: bootstrap over documents (1,000 resamples with replacement, 2.5 % and 97.5 % nearest rank). The encode
// stage keeps Σx per shard, not per document, so a resample keeps the x̄ of all rows fixed:
//   FVU* = Σ_D ‖e‖² / (Σ_D ‖x − r‖² − n_D·‖x̄ − r‖²) over the drawn documents D, r near x̄ (split-sums.ts); about zero in the place of r the
//   denominator would swing by ‖x̄‖ times the deviation of the drawn mean. Its own mean would move x̄ by O(1/√documents).
import { computeFvu, computeL0, squaredMean, variationOf } from '../../core/dictionaries/metrics.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { SPLITS, type Split } from '../../schemas/stages.js';
import { PER_DOCUMENT } from '../encode/counts-file.js';
import type { SplitSums } from './split-sums.js';

export interface MetricsInput {
  readonly sums: ReadonlyMap<Split, SplitSums>;
  readonly features: number;
  /** Keys the resampling: the dictionary's index key. */
  readonly key: string;
}

export type Interval = readonly [low: number, high: number];

/** One split's metrics; null where the split has no rows (or x no variance); intervals also where it has one document. */
export interface SplitMetrics {
  readonly rows: number;
  readonly documents: number;
  readonly firings: number;
  readonly fvu: number | null;
  readonly fvuInterval: Interval | null;
  readonly l0: number | null;
  readonly l0Interval: Interval | null;
  /** Features without a firing in this split. */
  readonly silent: number;
  /** Features that fire on more than 10 % of this split's rows. */
  readonly dense: number;
  readonly features: number;
}

export interface DictionaryMetrics {
  readonly splits: Readonly<Partial<Record<Split, SplitMetrics>>>;
  /** Features without a firing in any split. */
  readonly silent: number;
  readonly rows: number;
  readonly features: number;
  readonly resamples: number;
}

const RESAMPLES = 1000;
const DENSE = 0.1;

/** The metrics of a dictionary from its summed statistics. */
export function summariseMetrics(request: MetricsInput): DictionaryMetrics {
  const { sums } = request;
  const splits: Partial<Record<Split, SplitMetrics>> = {};
  const fired = new Float64Array(request.features);
  let rows = 0;
  for (const split of SPLITS) {
    const sum = sums.get(split);
    if (!sum) continue;
    splits[split] = splitMetrics(sum, split, request);
    rows += sum.rows;
    for (let f = 0; f < fired.length; f++) fired[f] = (fired[f] as number) + (sum.fired[f] as number);
  }
  return {
    splits,
    silent: countWhere(fired, (n) => n === 0),
    rows,
    features: request.features,
    resamples: RESAMPLES,
  };
}

function splitMetrics(sum: SplitSums, split: Split, request: MetricsInput): SplitMetrics {
  const { rows, documents, firings, xSq, errSq, fired } = sum;
  const meanSq = squaredMean(sum.sumX, rows);
  const squares = { rows, errSq, xSq };
  const varies = variationOf(squares, meanSq) > 0;
  const intervals =
    // One document says nothing of how documents differ.
    documents < 2 ? null : bootstrap(sum.perDocument, offCentre(sum), new KeyedRandom('metrics', request.key, split));
  return {
    rows,
    documents,
    firings,
    fvu: varies ? computeFvu(squares, meanSq) : null,
    fvuInterval: varies && intervals ? intervals.fvu : null,
    l0: rows > 0 ? computeL0({ rows, firings }) : null,
    l0Interval: intervals?.l0 ?? null,
    silent: countWhere(fired, (n) => n === 0),
    dense: countWhere(fired, (n) => n > DENSE * rows),
    features: request.features,
  };
}

/** ‖x̄ − r‖². */
function offCentre({ sumX, rows, centre }: SplitSums): number {
  return sumX.reduce((total, sum, j) => total + (sum / rows - (centre[j] as number)) ** 2, 0);
}

/** Intervals of FVU (x̄ fixed) and L0 over resampled documents. @param offCentreSq ‖x̄ − r‖² */
function bootstrap(table: Float64Array, offCentreSq: number, random: KeyedRandom): { fvu: Interval; l0: Interval } {
  const documents = table.length / PER_DOCUMENT;
  const fvu = new Float64Array(RESAMPLES);
  const l0 = new Float64Array(RESAMPLES);
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let [rows, xSq, errSq, firings] = [0, 0, 0, 0];
    for (let draw = 0; draw < documents; draw++) {
      const d = random.nextInt(documents) * PER_DOCUMENT;
      rows += table[d] as number;
      xSq += table[d + 1] as number;
      errSq += table[d + 2] as number;
      firings += table[d + 3] as number;
    }
    fvu[resample] = computeFvu({ rows, errSq, xSq }, offCentreSq);
    l0[resample] = computeL0({ rows, firings });
  }
  return { fvu: interval(fvu), l0: interval(l0) };
}

function interval(values: Float64Array): Interval {
  const sorted = values.sort();
  const rank = (q: number): number => sorted[Math.ceil(q * sorted.length) - 1] as number;
  return [rank(0.025), rank(0.975)];
}

function countWhere(values: Float64Array, test: (value: number) => boolean): number {
  let count = 0;
  for (const value of values) if (test(value)) count++;
  return count;
}
