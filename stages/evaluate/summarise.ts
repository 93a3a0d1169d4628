// From sums by document to the rows of an evaluation: every metric once, with its interval. Pure.
//
//   over the measured rows b of N, x_hat = x + e, x̄ their mean (docs/metrics.md)
//   fvu                  Σ‖e‖² / Σ‖x − x̄‖²                       Σ‖x − x̄‖² = Σ‖x − c‖² − N ‖x̄ − c‖², c within rounding of x̄
//   l0                   Σ firings / N
//   cosine               Σ x·x_hat / (‖x‖ ‖x_hat‖) / N
//   reconstructionBias   Σ‖x_hat‖² / Σ x·x_hat                    1 unbiased, below 1 shrunken
//   ceRecoveredMean      (CE_mean − CE_dictionary) / (CE_mean − CE_clean), ceRecoveredZero the same with zeros; CE = nats / tokens
//   deltaCeNats          CE_dictionary − CE_clean
//   silent, dense        features that fire on no row, on more than a tenth of them;   deadTraining: silent for the window at the end
//   fvuDifference        of a control: fvu of the dictionary − fvu of the control, resampled in pairs
// Intervals resample documents and hold x̄ where it is. Counts of features have none: a resample can only lose firings.
import { NUMBERS } from '../../core/dictionaries/evaluate-graph.js';
import {
  bootstrapIntervals,
  type DocumentSums,
  type Statistic,
  totals,
} from '../../core/statistics/document-bootstrap.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { LOSS_COLUMNS } from './sums-file.js';

/** A row of the table without what all rows share. */
export interface EvaluationEntry {
  readonly subject: string;
  readonly metric: string;
  readonly value: number | null;
  readonly lo: number | null;
  readonly hi: number | null;
  readonly n: number;
}

export interface EvaluationSums {
  /** Documents in order; columns: rows, Σ‖x − c‖², NUMBERS of each subject, LOSS_COLUMNS where they were measured. */
  readonly sums: DocumentSums;
  /** The dictionary first, then controls. */
  readonly subjects: readonly string[];
  readonly hasLosses: boolean;
  /** Σ (x − c). */
  readonly shift: Float64Array;
  /** Rows on which each feature fires. */
  readonly fired: Float64Array;
  readonly deadTraining: number | null;
}

export interface Resampling {
  readonly resamples: number;
  readonly seed: number;
}

const DENSE = 0.1;
const SHARED_COLUMNS = 2;

interface Metric {
  readonly subject: string;
  readonly metric: string;
  readonly n: number;
  readonly of: Statistic;
}

/** Columns of a document's sums. */
export function columnCount(subjects: number, hasLosses: boolean): number {
  return SHARED_COLUMNS + subjects * NUMBERS.length + (hasLosses ? LOSS_COLUMNS.length : 0);
}

export function summarise(of: EvaluationSums, { resamples, seed }: Resampling): EvaluationEntry[] {
  const all = totals(of.sums);
  const rows = all[0] as number;
  const [dictionary = ''] = of.subjects;
  const metrics = [...rowMetrics(of, rows), ...lossMetrics(of, all)];
  const random = new KeyedRandom('evaluate', 'documents', seed);
  const intervals = bootstrapIntervals(
    of.sums,
    metrics.map(({ of: statistic }) => statistic),
    { resamples, random },
  );
  const entries = metrics.map(({ subject, metric, n, of: statistic }, i): EvaluationEntry => {
    const value = finite(statistic(all));
    const interval = value === null ? null : intervals[i];
    return { subject, metric, value, lo: finite(interval?.lo), hi: finite(interval?.hi), n };
  });
  const features = of.fired.length;
  const count = (metric: string, value: number | null): EvaluationEntry => ({
    ...{ subject: dictionary, metric, value, lo: null, hi: null, n: features },
  });
  return [
    ...entries,
    count('silent', rows === 0 ? null : of.fired.filter((n) => n === 0).length),
    count('dense', rows === 0 ? null : of.fired.filter((n) => n > DENSE * rows).length),
    count('deadTraining', of.deadTraining),
  ];
}

function rowMetrics({ subjects, shift }: EvaluationSums, rows: number): Metric[] {
  const offset = rows === 0 ? 0 : shift.reduce((sum, value) => sum + (value / rows) ** 2, 0);
  const at = (subject: number, name: (typeof NUMBERS)[number]): number =>
    SHARED_COLUMNS + subject * NUMBERS.length + NUMBERS.indexOf(name);
  const fvu =
    (subject: number): Statistic =>
    (s) => {
      const variation = (s[1] as number) - (s[0] as number) * offset;
      return variation > 0 ? (s[at(subject, 'errSq')] as number) / variation : NaN;
    };
  return subjects.flatMap((subject, i): Metric[] => {
    const metric = (name: string, of: Statistic): Metric => ({ subject, metric: name, n: rows, of });
    const own = [
      metric('fvu', fvu(i)),
      metric('l0', (s) => (s[at(i, 'firings')] as number) / (s[0] as number)),
      metric('cosine', (s) => (s[at(i, 'cosine')] as number) / (s[0] as number)),
      metric('reconstructionBias', (s) => (s[at(i, 'hatSq')] as number) / (s[at(i, 'cross')] as number)),
    ];
    return i === 0 ? own : [...own, metric('fvuDifference', (s) => fvu(0)(s) - fvu(i)(s))];
  });
}

function lossMetrics({ subjects, hasLosses }: EvaluationSums, all: Float64Array): Metric[] {
  const [subject = ''] = subjects;
  const first = SHARED_COLUMNS + subjects.length * NUMBERS.length;
  const n = hasLosses ? (all[first] as number) : 0;
  const nats =
    (name: (typeof LOSS_COLUMNS)[number]): Statistic =>
    (s) =>
      hasLosses ? (s[first + LOSS_COLUMNS.indexOf(name)] as number) / (s[first] as number) : NaN;
  const [clean, spliced, mean, zero] = [nats('clean'), nats('dictionary'), nats('mean'), nats('zero')];
  const recovered =
    (ablated: Statistic): Statistic =>
    (s) =>
      (ablated(s) - spliced(s)) / (ablated(s) - clean(s));
  const metric = (name: string, of: Statistic): Metric => ({ subject, metric: name, n, of });
  return [
    metric('ceRecoveredMean', recovered(mean)),
    metric('ceRecoveredZero', recovered(zero)),
    metric('deltaCeNats', (s) => spliced(s) - clean(s)),
    metric('ceNatsClean', clean),
    metric('ceNatsDictionary', spliced),
    metric('ceNatsMean', mean),
    metric('ceNatsZero', zero),
  ];
}

function finite(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}
