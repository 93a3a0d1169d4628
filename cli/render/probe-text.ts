// How probes of a dictionary look to a person. Pure.
import type { ProbeDocument } from '../../reading/probe/probe-document.js';
import { textTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { counted, countText } from './quantities.js';

type Score = ProbeDocument['mean']['raw']['f1'];

export function probeText(document: ProbeDocument): Text {
  const { dictionary, labels, mean, classes, fit, test, splitting, absorption, leftOut } = document;
  const row = (title: string, scores: ProbeDocument['mean']['raw']): string[] => [
    title,
    withInterval(scores.balancedAccuracy),
    withInterval(scores.f1),
  ];
  const means = [
    row('all activations', mean.raw),
    ...mean.features.flatMap((own, i) => {
      const other = mean.neurons[i];
      const of = (noun: string): string => counted(own.k, noun);
      return [row(of('feature'), own), ...(other ? [row(`${of('neuron')} of the site`, other)] : [])];
    }),
  ];
  const list = classes.map((one) => [
    one.class,
    countText(one.rows.test),
    number(one.raw.f1.value),
    ...one.features.map(({ f1 }) => number(f1.value)),
    ...one.neurons.slice(0, 1).map(({ f1 }) => number(f1.value)),
    one.splitting.features.join(', ') || 'none',
    one.absorption === null ? '' : `${countText(one.absorption.absorbed)} of ${countText(one.absorption.n)}`,
  ]);
  const head = ['class', 'test rows', 'F1: all', ...mean.features.map(({ k }) => counted(k, 'feature')), '1 neuron'];
  return [
    textTable(
      [
        { title: `${counted(classes.length, 'class').replace(/classs$/, 'classes')} by ${labels}`, whole: true },
        { title: 'balanced accuracy' },
        { title: 'F1' },
      ],
      means,
    ),
    '',
    textTable(
      [...head, 'features of the class', 'absorbed'].map((title) => ({ title })),
      list,
    ),
    '',
    `Probes fitted to ${counted(fit.rows, 'row')} of ${counted(fit.documents, 'document')} of fit, scored on ${counted(test.rows, 'row')} of ${counted(test.documents, 'document')} of test; in brackets: 95 % intervals over resampled documents.`,
    `A class has ${number(splitting.mean)} features on average${absorption === null ? '' : `; ${countText(absorption.absorbed)} of ${countText(absorption.n)} rows that the probe of all activations gets right are absorbed by another feature`}.`,
    ...markText(dictionary, document),
    ...(leftOut.length === 0 ? [] : [`Left out, with too few rows: ${leftOut.join(', ')}.`]),
  ];
}

/** A line for each size at which features do not tell the classes better than as many coordinates. */
function markText(dictionary: string, { difference }: ProbeDocument): string[] {
  const lost = difference.filter(({ verdict }) => verdict !== 'better');
  if (lost.length === 0) return [`${dictionary} beats as many neurons of the site at every number of them.`];
  return lost.map(({ k, verdict, f1 }) => {
    const what = verdict === 'worse' ? 'loses to' : 'is not shown to beat';
    return `NOT BETTER: ${dictionary} ${what} ${counted(k, 'neuron')} of the site: F1 of ${counted(k, 'feature')} less theirs is ${withInterval(f1)}.`;
  });
}

function withInterval({ value, lo, hi }: Score): string {
  return lo === null || hi === null ? number(value) : `${number(value)} (${number(lo)} to ${number(hi)})`;
}

function number(value: number | null): string {
  return value === null ? 'none' : value.toFixed(3);
}
