// From what probes say of test rows to numbers with intervals: every class by itself, and means over the classes. Documents are resampled,
// all numbers see the same draws, so that features less coordinates of the same k is a paired difference.
//
//   mean of a score over classes: each class counts alike;   difference_k = mean F1 of features − mean F1 of coordinates
import { bootstrapIntervals, totals, type Statistic } from '../../statistics/document-bootstrap.js';
import type { KeyedRandom } from '../../tensor/random.js';
import { balancedAccuracy, type Confusion, confusionPlace, f1Of } from './linear-probe.js';
import { type ClassProbes, PROBE_SIZES, type ProbeAnswer } from './probe-class.js';
import type { ProbeRows } from './probe-rows.js';

export interface Score {
  readonly value: number | null;
  readonly lo: number | null;
  readonly hi: number | null;
  /** Test rows. */
  readonly n: number;
}

export interface ProbeScores {
  readonly balancedAccuracy: Score;
  readonly f1: Score;
}

export interface ClassScores {
  readonly raw: ProbeScores;
  /** By the sizes. */
  readonly features: readonly ProbeScores[];
  readonly neurons: readonly ProbeScores[];
}

export interface Summary {
  readonly classes: readonly ClassScores[];
  readonly mean: ClassScores;
  /** Of F1 of features less that of coordinates, by the sizes. */
  readonly difference: readonly Score[];
}

interface Resampling {
  readonly resamples: number;
  readonly random: KeyedRandom;
}

/** Numbers of one probe of one class. */
const COUNTS = 4;
const PROBES = 1 + 2 * PROBE_SIZES.length;

/** Places of the probes of a class: raw, features by size, coordinates by size. */
const featuresAt = (size: number): number => 1 + size;
const neuronsAt = (size: number): number => 1 + PROBE_SIZES.length + size;

export function summariseProbes(test: ProbeRows, classes: readonly ClassProbes[], resampling: Resampling): Summary {
  const sums = countByDocument(test, classes);
  const confusion =
    (label: number, probe: number) =>
    (s: Float64Array): Confusion => {
      const at = (label * PROBES + probe) * COUNTS;
      return [s[at], s[at + 1], s[at + 2], s[at + 3]] as unknown as Confusion;
    };
  const one = (label: number, probe: number, of: (counts: Confusion) => number): Statistic => {
    const counts = confusion(label, probe);
    return (s) => of(counts(s));
  };
  const mean = (probe: number, of: (counts: Confusion) => number): Statistic => {
    const all = classes.map((_, label) => one(label, probe, of));
    return (s) => all.reduce((sum, statistic) => sum + statistic(s), 0) / all.length;
  };
  const difference = (size: number): Statistic => {
    const [own, other] = [mean(featuresAt(size), f1Of), mean(neuronsAt(size), f1Of)];
    return (s) => own(s) - other(s);
  };
  const probes = Array.from({ length: PROBES }, (_, probe) => probe);
  const statistics: Statistic[] = [
    ...classes.flatMap((_, label) => probes.flatMap((p) => [one(label, p, balancedAccuracy), one(label, p, f1Of)])),
    ...probes.flatMap((p) => [mean(p, balancedAccuracy), mean(p, f1Of)]),
    ...PROBE_SIZES.map((_, size) => difference(size)),
  ];
  const all = totals(sums);
  const intervals = bootstrapIntervals(sums, statistics, resampling);
  const n = classes.map(({ task }) => task.rows.length);
  const total = n.reduce((a, b) => a + b, 0);
  const score = (at: number, rows: number): Score => {
    const value = (statistics[at] as Statistic)(all);
    const known = Number.isFinite(value);
    const { lo = null, hi = null } = (known ? intervals[at] : null) ?? {};
    return { value: known ? value : null, lo, hi, n: rows };
  };
  const scoresFrom = (first: number, rows: number): ClassScores => {
    const of = (probe: number): ProbeScores => ({
      balancedAccuracy: score(first + 2 * probe, rows),
      f1: score(first + 2 * probe + 1, rows),
    });
    return {
      raw: of(0),
      features: PROBE_SIZES.map((_, size) => of(featuresAt(size))),
      neurons: PROBE_SIZES.map((_, size) => of(neuronsAt(size))),
    };
  };
  const means = 2 * PROBES * classes.length;
  return {
    classes: classes.map((_, label) => scoresFrom(2 * PROBES * label, n[label] ?? 0)),
    mean: scoresFrom(means, total),
    difference: PROBE_SIZES.map((_, size) => score(means + 2 * PROBES + size, total)),
  };
}

function countByDocument(test: ProbeRows, classes: readonly ClassProbes[]) {
  const documents = [...new Set(classes.flatMap(({ task }) => [...task.rows].map((row) => test.doc[row] as number)))];
  const place = new Map(documents.sort((a, b) => a - b).map((doc, d) => [doc, d]));
  const columns = classes.length * PROBES * COUNTS;
  const values = new Float64Array(documents.length * columns);
  classes.forEach(({ task, raw, features, neurons }, label) => {
    const answers: readonly ProbeAnswer[] = [raw, ...features, ...neurons];
    answers.forEach(({ said }, probe) => {
      task.rows.forEach((row, i) => {
        const count = confusionPlace(task.positive[i] === 1, said[i] === 1);
        const at = (place.get(test.doc[row] as number) ?? 0) * columns + (label * PROBES + probe) * COUNTS + count;
        values[at] = (values[at] as number) + 1;
      });
    });
  });
  return { documents: documents.length, columns, values };
}
