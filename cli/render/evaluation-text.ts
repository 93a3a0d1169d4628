// How an evaluation looks to a person: a column for the dictionary and one per control, and what it does not beat. Pure.
import { compareWithControls, unbeaten, type EvaluationRow } from '../../core/dictionaries/compare-controls.js';
import type { EvaluationDocument } from '../../reading/evaluation/read-evaluation.js';
import { textTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { counted, countText } from './quantities.js';

type TrainingCandidates = NonNullable<NonNullable<EvaluationDocument['training']>['candidates']>;
type Metric = EvaluationDocument['metrics']['fvu'];
type Column = Partial<Record<keyof EvaluationDocument['metrics'], Metric>>;

/** What each metric is called, in the order of a table. */
export const METRIC_TITLES: Readonly<Record<keyof EvaluationDocument['metrics'], string>> = {
  fvu: 'fraction of variance unexplained',
  l0: 'numbers per token (L0)',
  ceRecoveredMean: 'cross-entropy recovered, of mean ablation',
  ceRecoveredZero: 'cross-entropy recovered, of zero ablation',
  deltaCeNats: 'cross-entropy added, nats per token',
  cosine: 'cosine',
  reconstructionBias: 'reconstruction bias (1: none)',
  silent: 'features that never fire here',
  dense: 'features on more than 10 % of tokens',
  deadTraining: 'features dead at the end of training',
};
const COUNTS: readonly string[] = ['silent', 'dense', 'deadTraining'];

const CONTROLS: Readonly<Record<string, string>> = {
  pcaStrongest: 'strongest components',
  pcaFirst: 'first components',
  neuronsStrongest: 'strongest neurons',
  random: 'random',
  untrained: 'untrained',
  randomModel: 'model without training',
};

/** Side by side, and below which controls are not beaten. */
export function evaluationText(document: EvaluationDocument): Text {
  const { dictionary, metrics, controls, split, rows, documents } = document;
  const names = Object.keys(controls);
  const columns: readonly Column[] = [metrics, ...Object.values(controls)];
  const lines = (Object.keys(METRIC_TITLES) as (keyof typeof METRIC_TITLES)[]).map((name) => [
    METRIC_TITLES[name],
    ...columns.map((column, i) => metricText(name, column[name], i === 0)),
  ]);
  const head = [
    { title: split },
    { title: dictionary, whole: true },
    ...names.map((name) => ({ title: controlTitle(name) })),
  ];
  const on = `Measured on ${counted(rows, 'token')} of ${counted(documents, 'document')}; in brackets: 95 % intervals over resampled documents.`;
  return [textTable(head, lines), '', on, ...trainingText(document), ...markText(document)];
}

/** How far a training has come, where the dictionary was trained here. */
function trainingText({ training }: EvaluationDocument): string[] {
  if (!training) return [];
  const { steps, tokens, updates, movement, candidates } = training;
  const share = `${(100 * updates.atLeast100).toPrecision(3)} %`;
  return [
    `Trained ${counted(steps, 'step')} on ${counted(tokens, 'token')}: the median feature fired in ${counted(updates.median, 'step')}, ${share} of them in at least 100; the median row went ${movement.median.toPrecision(3)} of its length from its first values.`,
    ...(candidates ? [candidatesText(candidates)] : []),
  ];
}

/** How well candidates in 8 bits did. */
function candidatesText({ recall, measured, exactFrom, because }: TrainingCandidates): string {
  const found =
    recall === null
      ? 'Candidates in 8 bits were not used'
      : `Candidates in 8 bits held ${(100 * recall).toFixed(3)} % of ${counted(measured, 'choice')} by exact scores`;
  if (exactFrom === null) return `${found}.`;
  const why =
    because === 'processor'
      ? "this processor's products of bytes are not exact"
      : 'fewer than 99.9 % were held in 64 steps';
  return `${found}; from step ${exactFrom + 1} on candidates are exact, because ${why}.`;
}

/** What is said of controls; a line for each that is not beaten. */
export function markText({ dictionary, metrics, controls }: EvaluationDocument): string[] {
  const names = Object.keys(controls);
  if (names.length === 0)
    return ['It is compared with nothing: controls reconstruct one site from itself, one dictionary at a time.'];
  const comparisons = compareWithControls(rowsOf({ metrics, controls }));
  const lost = unbeaten(comparisons);
  if (lost.length === 0) return [`${dictionary} beats every control at equal L0.`];
  return lost.map(({ control, verdict, fvu, difference }) => {
    const range =
      difference.lo === null || difference.hi === null ? '' : ` (${number(difference.lo)} to ${number(difference.hi)})`;
    const what = verdict === 'worse' ? 'loses to' : 'is not shown to beat';
    return `NOT BETTER: ${dictionary} ${what} ${controlTitle(control)} at equal L0: ${number(metrics.fvu.value)} against ${number(fvu)} unexplained, difference ${number(difference.value)}${range}.`;
  });
}

function rowsOf({ metrics, controls }: Pick<EvaluationDocument, 'metrics' | 'controls'>): EvaluationRow[] {
  const rows = (subject: string, of: Readonly<Record<string, Metric>>): EvaluationRow[] =>
    Object.entries(of).map(([metric, value]) => ({ subject, metric, ...value }));
  return [...rows('dictionary', metrics), ...Object.entries(controls).flatMap(([name, own]) => rows(name, own))];
}

/** A control as people read its name. */
export function controlTitle(control: string): string {
  return CONTROLS[control] ?? control;
}

/** A metric's value, a count with what it is of. @param whole with its interval */
export function metricText(name: string, metric: Metric | undefined, whole: boolean): string {
  if (metric === undefined) return '';
  const { value, lo, hi, n } = metric;
  if (value === null) return 'none';
  if (COUNTS.includes(name)) return `${countText(value)} of ${countText(n)}`;
  return whole && lo !== null && hi !== null ? `${number(value)} (${number(lo)} to ${number(hi)})` : number(value);
}

function number(value: number | null): string {
  return value === null ? 'none' : value.toPrecision(4);
}
