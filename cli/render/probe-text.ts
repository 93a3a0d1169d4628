// How probes look to a person: a line for each class and one for their mean, and where as many neurons tell as much. Pure.
import type { ProbeDocument } from '../../reading/probe/probe-request.js';
import { textTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { counted, countText } from './quantities.js';

type Metric = ProbeDocument['mean']['raw']['f1'];
type Probed = ProbeDocument['mean'] | ProbeDocument['classes'][number];
/** Features of a class that are named; `--json` has all. */
const MOST_NAMED = 4;

export function probeText(document: ProbeDocument): Text {
  const { classes, mean, fit, test, documents } = document;
  const lines = classes.map((own) => [
    own.label,
    `${countText(own.rows.fit)} and ${countText(own.rows.test)}`,
    ...numbersOf(own),
    named(own.splitting.features),
    ...absorptionOf(own.absorption),
  ]);
  const last = ['mean', '', ...numbersOf(mean), mean.splitting.toFixed(2), ...absorptionOf(mean.absorption)];
  return [
    textTable(headOf(document), [...lines, last]),
    '',
    `Balanced accuracy (0.5: chance) on ${test} rows, of probes that were chosen and fitted on ${fit} rows: ${counted(documents.test, 'document')} and ${counted(documents.fit, 'document')}; a class against as many rows of the others.`,
    ...meanText(mean),
    ...shardText(document),
    ...leftOutText(document),
    ...markText(document),
  ];
}

function headOf({ fit, test, mean, labels }: ProbeDocument): { readonly title: string; readonly spare?: number }[] {
  const sparse = (what: string): { readonly title: string; readonly spare?: number }[] =>
    mean.dictionary.map(({ k }) => ({ title: counted(k, what) }));
  return [
    { title: labels === 'first-letter' ? 'letter' : 'label' },
    { title: `rows of ${fit} and ${test}`, spare: 1 },
    ...sparse('feature'),
    ...sparse('neuron'),
    { title: 'all neurons' },
    { title: 'features of it', spare: 2 },
    { title: 'absorbed' },
    { title: 'whole' },
  ];
}

function numbersOf({ dictionary, neurons, raw }: Probed): string[] {
  return [...dictionary, ...neurons, raw].map(({ balancedAccuracy }) => number(balancedAccuracy));
}

function absorptionOf(absorption: { readonly fraction: Metric; readonly full: Metric } | null): string[] {
  return absorption === null ? ['', ''] : [number(absorption.fraction), number(absorption.full)];
}

/** The means with what they rest on. */
function meanText({ dictionary, neurons, raw, absorption }: ProbeDocument['mean']): string[] {
  const of = (what: string, { f1 }: { readonly f1: Metric }): string => `${what} ${number(f1)}`;
  const sparse = dictionary.map((own, i) =>
    [of(counted(own.k, 'feature'), own), of(counted(own.k, 'neuron'), neurons[i] ?? own)].join(', '),
  );
  const scores = `F1, mean (0.667: always yes): ${[...sparse, of('all neurons', raw)].join('; ')}.`;
  if (absorption === null) return [scores, 'Absorption is not told: the dictionary writes another site than it reads.'];
  const { fraction, full } = absorption;
  const on = `over ${countText(fraction.n)} ${fraction.n === 1 ? 'class' : 'classes'}`;
  return [
    scores,
    `Absorbed: the part of a class that other features have taken over, ${ranged(fraction)}; whole: the share of rows that one other feature has, ${ranged(full)}; means ${on} whose probe on all neurons has a balanced accuracy above 0.8.`,
  ];
}

function shardText({ shards }: ProbeDocument): string[] {
  const { fit, test } = shards;
  if (fit.read === fit.of && test.read === test.of) return [];
  return [
    `Rows are drawn from ${countText(fit.read)} of ${counted(fit.of, 'shard')} to fit on and ${countText(test.read)} of ${countText(test.of)} to test; --max-bytes takes more.`,
  ];
}

function leftOutText({ leftOut, fit, test }: ProbeDocument): string[] {
  if (leftOut.length === 0) return [];
  const names = leftOut.map(({ label, rows }) => `${label} (${rows.fit} and ${rows.test})`);
  return [`Left out, with too few rows in ${fit} or ${test}: ${names.join(', ')}.`];
}

/** The rule and the words of every command that compares with a control. */
function markText({ dictionary, mean, classes }: ProbeDocument): string[] {
  const lost = mean.difference.filter(({ verdict }) => verdict !== 'better');
  const marks = lost.map(({ k, verdict, value, lo, hi }) => {
    const what = verdict === 'worse' ? 'loses to' : 'is not shown to beat';
    const at = (probes: ProbeDocument['mean']['neurons']): string =>
      number(probes.find((one) => one.k === k)?.balancedAccuracy ?? null);
    const worse = classes.filter((own) => own.difference.some((one) => one.k === k && one.verdict === 'worse'));
    const where = worse.length === 0 ? '' : `; it loses in ${worse.length} of ${classes.length}`;
    return `NOT BETTER: ${dictionary} ${what} ${counted(k, 'neuron')} at equal k: mean balanced accuracy ${at(mean.dictionary)} against ${at(mean.neurons)}, difference ${ranged({ value, lo, hi })}${where}.`;
  });
  return marks.length === 0 ? [`${dictionary} beats neurons at every k.`] : marks;
}

function named(features: readonly number[]): string {
  const more = features.length - MOST_NAMED;
  return features.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function ranged({ value, lo, hi }: Pick<Metric, 'value' | 'lo' | 'hi'>): string {
  const range = lo === null || hi === null ? '' : ` (${lo.toFixed(3)} to ${hi.toFixed(3)})`;
  return `${value === null ? 'none' : value.toFixed(3)}${range}`;
}

function number(metric: Metric | null): string {
  const value = metric?.value ?? null;
  return value === null ? 'none' : value.toFixed(3);
}
