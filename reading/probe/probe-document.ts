// The document of `assay sae probe` from what was computed. Pure.
import { differenceVerdict } from '../../core/dictionaries/compare-controls.js';
import { SPARSE_KS } from '../../core/dictionaries/probes/probe-class.js';
import type { ClassAnswers, ClassSummary, Metric, Summary } from '../../core/dictionaries/probes/summarise.js';
import type { LabelsGiven } from './given-labels.js';
import type { DrawnClasses, ProbeDocument, ProbeRequest } from './probe-request.js';
import type { StoredSite } from './stored-shards.js';

interface Computed {
  readonly request: ProbeRequest;
  readonly site: StoredSite;
  readonly drawn: DrawnClasses;
  readonly answers: readonly ClassAnswers[];
  readonly summary: Summary;
}

/** What labels are called. */
export function labelText(labels: LabelsGiven): string {
  return labels.from === 'file' ? labels.file : 'first-letter';
}

export function probeDocument({ request, site, drawn, answers, summary }: Computed): ProbeDocument {
  const { name, fit, rows, resamples, seed } = request;
  const documents = (doc: Uint32Array): number => new Set(doc).size;
  const classes = answers.map((one, own) => classEntry(one, { own, drawn, summary, site }));
  return {
    ...{ dictionary: `${name.run}/${name.dictionary}`, site: site.site, labels: labelText(request.labels) },
    ...{ fit, test: 'test', rowsPerClass: rows, resamples, seed },
    shards: { fit: drawn.fit.shards, test: drawn.test.shards },
    documents: { fit: documents(drawn.fit.doc), test: documents(drawn.test.doc) },
    classes,
    mean: {
      ...shared(summary.mean),
      splitting: classes.reduce((sum, { splitting }) => sum + splitting.features.length, 0) / classes.length,
      absorption: site.writesIt ? { fraction: summary.mean.absorption.part, full: summary.mean.absorption.full } : null,
    },
    leftOut: drawn.leftOut,
  };
}

type ClassEntry = ProbeDocument['classes'][number];

function classEntry(
  { probes, absorbed }: ClassAnswers,
  { own, drawn, summary, site }: Pick<Computed, 'drawn' | 'summary' | 'site'> & { readonly own: number },
): ClassEntry {
  const numbers = summary.classes[own] as ClassSummary;
  const { dictionary, neurons, ...rest } = shared(numbers);
  const { part, full } = numbers.absorption;
  const count = ({ y }: ClassAnswers['probes']['fit']): number => y.reduce((sum, value) => sum + value, 0);
  return {
    label: drawn.labels[own] as string,
    rows: { fit: count(probes.fit), test: count(probes.test) },
    dictionary: dictionary.map((one, i) => ({ ...one, features: [...(probes.dictionary[i]?.columns ?? [])] })),
    neurons: neurons.map((one, i) => ({ ...one, neurons: [...(probes.neurons[i]?.columns ?? [])] })),
    ...rest,
    splitting: { features: [...probes.splitting.features], f1: [...probes.splitting.f1] },
    absorption: site.writesIt
      ? { fraction: part, full, counted: summary.isGood[own] as boolean, absorbers: absorbersOf(absorbed) }
      : null,
  };
}

function shared({
  dictionary,
  neurons,
  raw,
  difference,
}: ClassSummary): Pick<ProbeDocument['mean'], 'dictionary' | 'neurons' | 'raw' | 'difference'> {
  return {
    dictionary: SPARSE_KS.map((k, i) => ({ k, ...(dictionary[i] as ClassSummary['raw']) })),
    neurons: SPARSE_KS.map((k, i) => ({ k, ...(neurons[i] as ClassSummary['raw']) })),
    raw,
    difference: SPARSE_KS.map((k, i) => {
      const own = difference[i] as Metric;
      return { k, ...own, verdict: differenceVerdict(own, 'above') };
    }),
  };
}

/** The most frequent first. */
function absorbersOf(absorbed: ClassAnswers['absorbed']): { feature: number; rows: number }[] {
  const rows = new Map<number, number>();
  for (const one of absorbed) if (one && one.by !== null) rows.set(one.by, (rows.get(one.by) ?? 0) + 1);
  return [...rows]
    .map(([feature, n]) => ({ feature, rows: n }))
    .sort((a, b) => b.rows - a.rows || a.feature - b.feature);
}
