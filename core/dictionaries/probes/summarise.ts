// From the answers of probes to numbers with intervals: of every class, and means over classes, resampled by document and in pairs. Pure.
//
//   of a class     F1 and balanced accuracy of each probe; balanced accuracy of k features − that of k neurons; mean part absorbed, share
//                  absorbed whole
//   over classes   the mean of each, over the classes in which it has a value; of absorption: over the classes whose raw probe is good
//                  enough to be the measure of it (balanced accuracy above 0.8)
// The difference is not one of F1: where half of the rows are of the class, a probe that always says yes has an F1 of 2/3 and a balanced
// accuracy of 1/2; a feature that fires on a third of the class and on nothing else has 1/2 and 2/3.
// Source of the last: SAEBench leaves out letters whose probe has an F1 of at most 0.6 among 26; our rows are half of the class, where a
// probe that says nothing has an F1 of 0.67.
import { bootstrapDraws } from '../../statistics/document-bootstrap.js';
import type { KeyedRandom } from '../../tensor/random.js';
import type { Absorbed } from './absorption.js';
import type { ClassProbes } from './probe-class.js';
import { balancedAccuracyOf, f1Of, type Answers } from './scores.js';

export interface Metric {
  readonly value: number | null;
  readonly lo: number | null;
  readonly hi: number | null;
  readonly n: number;
}

export interface ProbeMetrics {
  readonly f1: Metric;
  readonly balancedAccuracy: Metric;
}

export interface ClassSummary {
  /** By place in SPARSE_KS. */
  readonly dictionary: readonly ProbeMetrics[];
  readonly neurons: readonly ProbeMetrics[];
  readonly raw: ProbeMetrics;
  /** Balanced accuracy of the dictionary less that of the neurons. */
  readonly difference: readonly Metric[];
  readonly absorption: { readonly part: Metric; readonly full: Metric };
}

export interface ClassAnswers {
  readonly probes: ClassProbes;
  /** [test rows], document index below `documents` */
  readonly document: Uint32Array;
  /** [test rows]: where the raw probe finds a row of the class; null elsewhere, or where it is not asked. */
  readonly absorbed: readonly (Absorbed | null)[];
}

/** Balanced accuracy of the raw probe above which absorption is told. */
const GOOD_PROBE = 0.8;

export interface Summary {
  readonly classes: readonly ClassSummary[];
  readonly mean: ClassSummary;
  /** Whether the raw probe of the class is good enough for absorption. */
  readonly isGood: readonly boolean[];
}

export function summariseProbes(
  classes: readonly ClassAnswers[],
  { documents, ...options }: { readonly documents: number; readonly resamples: number; readonly random: KeyedRandom },
): Summary {
  const asked = classes.map(counter);
  const once = new Uint32Array(documents).fill(1);
  const rawAt = rawPlace(classes[0]);
  const isGood = asked.map((own) => (own(once)[rawAt + 1] as number) > GOOD_PROBE);
  const statistics = (draws: Uint32Array): Float64Array => {
    const own = asked.map((count) => count(draws));
    return Float64Array.from([...own.flatMap((numbers) => [...numbers]), ...meanOf(own, isGood)]);
  };
  const values = statistics(once);
  const intervals = bootstrapDraws(documents, statistics, options);
  const width = values.length / (classes.length + 1);
  const metrics = (from: number, n: (i: number) => number): Metric[] =>
    Array.from({ length: width }, (_, i): Metric => {
      const value = values[from + i] as number;
      const range = Number.isNaN(value) ? null : (intervals[from + i] ?? null);
      return { value: Number.isNaN(value) ? null : value, lo: range?.lo ?? null, hi: range?.hi ?? null, n: n(i) };
    });
  const ks = classes[0]?.probes.dictionary.length ?? 0;
  const isAbsorption = (i: number): boolean => i >= width - 2;
  const good = isGood.filter(Boolean).length;
  return {
    classes: classes.map(({ probes, absorbed }, c) => {
      const found = absorbed.filter((one) => one !== null).length;
      return named(
        metrics(c * width, (i) => (isAbsorption(i) ? found : probes.test.rows.length)),
        ks,
      );
    }),
    mean: named(
      metrics(classes.length * width, (i) => (isAbsorption(i) ? good : classes.length)),
      ks,
    ),
    isGood,
  };
}

/** Place of the raw probe's F1 among a class's numbers. */
function rawPlace(one: ClassAnswers | undefined): number {
  return 4 * (one?.probes.dictionary.length ?? 0);
}

/** The numbers of a class from how often each document is drawn. */
function counter({ probes, document, absorbed }: ClassAnswers): (draws: Uint32Array) => Float64Array {
  const { y } = probes.test;
  const all = [...probes.dictionary, ...probes.neurons, probes.raw];
  const ks = probes.dictionary.length;
  // A bit for each probe that says yes.
  const said = Uint32Array.from(y, (_, i) =>
    all.reduce((bits, { scores }, p) => ((scores[i] as number) > 0 ? bits | (1 << p) : bits), 0),
  );
  const counts = new Float64Array(2 * all.length);
  return (draws) => {
    counts.fill(0);
    let [own, others, found, part, full] = [0, 0, 0, 0, 0];
    for (let i = 0; i < y.length; i++) {
      const times = draws[document[i] as number] as number;
      if (times === 0) continue;
      const isOwn = y[i] === 1;
      if (isOwn) own += times;
      else others += times;
      const offset = isOwn ? 0 : all.length;
      for (let p = 0, bits = said[i] as number; bits !== 0; p++, bits >>>= 1)
        if (bits & 1) counts[offset + p] = (counts[offset + p] as number) + times;
      const taken = absorbed[i];
      if (!taken) continue;
      found += times;
      part += times * taken.part;
      if (taken.by !== null) full += times;
    }
    const answers = all.map((_, p): Answers => ({
      ...{ found: counts[p] as number, own, mistaken: counts[all.length + p] as number, others },
    }));
    const scores = answers.flatMap((one) => [f1Of(one), balancedAccuracyOf(one)]);
    const differences = answers
      .slice(0, ks)
      .map((one, i) => balancedAccuracyOf(one) - balancedAccuracyOf(answers[ks + i] as Answers));
    return Float64Array.from([...scores, ...differences, part / found, full / found]);
  };
}

/** Means over classes of every number, those of absorption over the good ones. */
function meanOf(own: readonly Float64Array[], isGood: readonly boolean[]): Float64Array {
  const width = own[0]?.length ?? 0;
  return Float64Array.from({ length: width }, (_, i) => {
    const values = own.filter((_, c) => i < width - 2 || isGood[c]).map((numbers) => numbers[i] as number);
    const there = values.filter((value) => !Number.isNaN(value));
    return there.length === 0 ? NaN : there.reduce((sum, value) => sum + value, 0) / there.length;
  });
}

function named(metrics: readonly Metric[], ks: number): ClassSummary {
  const at = (i: number): Metric => metrics[i] as Metric;
  const probe = (p: number): ProbeMetrics => ({ f1: at(2 * p), balancedAccuracy: at(2 * p + 1) });
  const first = 2 * (2 * ks + 1);
  return {
    dictionary: Array.from({ length: ks }, (_, i) => probe(i)),
    neurons: Array.from({ length: ks }, (_, i) => probe(ks + i)),
    raw: probe(2 * ks),
    difference: Array.from({ length: ks }, (_, i) => at(first + i)),
    absorption: { part: at(first + ks), full: at(first + ks + 1) },
  };
}
