// What `assay sae probe` tells. Pure.
import type { z } from 'zod';
import type { ClassProbes } from '../../core/dictionaries/probes/probe-class.js';
import type { ProbeRows } from '../../core/dictionaries/probes/probe-rows.js';
import type { ProbeScores, Score, Summary } from '../../core/dictionaries/probes/summarise.js';
import type { saeProbeDocument } from '../../schemas/documents/sae-probe.js';
import type { DictionaryName } from '../datasets/given-names.js';
import type { Drawn } from './read-rows.js';

export type ProbeDocument = z.infer<typeof saeProbeDocument>;

export interface MeasuredClass {
  readonly text: string;
  readonly label: number;
  readonly found: ClassProbes;
}

interface Told {
  readonly request: { readonly name: DictionaryName; readonly labels: string };
  readonly site: string;
  readonly drawn: Drawn;
  readonly fit: ProbeRows;
  readonly test: ProbeRows;
  readonly measured: readonly MeasuredClass[];
  readonly summary: Summary;
  readonly sizes: readonly number[];
}

export function probeDocument({ request, site, drawn, fit, test, measured, summary, sizes }: Told): ProbeDocument {
  const { name, labels } = request;
  const sized = (scores: readonly ProbeScores[]) => scores.map((one, i) => ({ k: sizes[i] ?? 0, ...one }));
  const used = new Set(measured.map(({ text }) => text));
  const sizesOfSplitting = measured.map(({ found }) => found.splitting.features.length);
  return {
    ...{ dictionary: `${name.run}/${name.dictionary}`, site, labels },
    ...{ fit: sizeOf(fit), test: sizeOf(test) },
    mean: {
      raw: summary.mean.raw,
      features: sized(summary.mean.features),
      neurons: sized(summary.mean.neurons),
    },
    difference: summary.difference.map((f1, i) => ({ k: sizes[i] ?? 0, f1, verdict: verdictOf(f1) })),
    splitting: { mean: mean(sizesOfSplitting) },
    absorption: totalOf(measured),
    classes: measured.map(({ text, label, found }, at) => {
      const scores = summary.classes[at] as Summary['classes'][number];
      const withReads = (own: readonly ProbeScores[], answers: ClassProbes['features']) =>
        sized(own).map((one, i) => ({ ...one, reads: answers[i]?.reads ?? [] }));
      const { absorption, splitting } = found;
      return {
        class: text,
        rows: { fit: drawn.counts.fit(label), test: drawn.counts.test(label) },
        raw: scores.raw,
        features: withReads(scores.features, found.features),
        neurons: withReads(scores.neurons, found.neurons),
        splitting,
        absorption: absorption && { ...absorption, rate: rateOf(absorption) },
      };
    }),
    leftOut: drawn.classes.filter((text) => !used.has(text)).sort(),
  };
}

function sizeOf({ rows, doc }: ProbeRows): { readonly rows: number; readonly documents: number } {
  return { rows, documents: new Set(doc).size };
}

/** Above 0: features tell the classes better. */
function verdictOf({ lo, hi }: Score): 'better' | 'worse' | 'undecided' {
  if (lo === null || hi === null) return 'undecided';
  return lo > 0 ? 'better' : hi < 0 ? 'worse' : 'undecided';
}

function totalOf(measured: readonly MeasuredClass[]): ProbeDocument['absorption'] {
  const all = measured.flatMap(({ found }) => found.absorption ?? []);
  if (all.length === 0) return null;
  const sum = (of: 'n' | 'absorbed'): number => all.reduce((total, one) => total + one[of], 0);
  const total = { n: sum('n'), absorbed: sum('absorbed') };
  return { ...total, rate: rateOf(total) };
}

function rateOf({ n, absorbed }: { readonly n: number; readonly absorbed: number }): number | null {
  return n === 0 ? null : absorbed / n;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
}
