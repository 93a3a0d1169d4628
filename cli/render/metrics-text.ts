// How dictionaries' metrics look to a person: a block per split, a column per dictionary and, where it was evaluated, one per control
// beside it. Pure.
import type { MetricsEntry } from '../../reading/metrics/read-metrics.js';
import { textTable, type TextColumn } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { controlTitle, markText, METRIC_TITLES, metricText } from './evaluation-text.js';
import { counted, countText } from './quantities.js';

type SplitEntry = MetricsEntry['splits'][number];
type Metric = SplitEntry['metrics']['fvu'];
type MetricName = keyof typeof METRIC_TITLES;

/** Test first: it is the one to report. */
const BLOCKS: readonly { readonly split: SplitEntry['split']; readonly title: string }[] = [
  { split: 'test', title: 'test: nothing was fitted to it' },
  { split: 'calib', title: 'calib: thresholds may be set on it' },
  { split: 'fit', title: 'fit: the dictionary was trained on it' },
];

/** What one column shows of a split. */
interface Column {
  readonly heading: TextColumn;
  readonly metrics: Readonly<Partial<Record<MetricName, Metric>>>;
  /** Of a control: by how much the dictionary is better. */
  readonly difference: Metric | null;
  readonly measured: string;
  readonly source: string;
}

const NAMES = Object.keys(METRIC_TITLES) as MetricName[];

/** The metrics of every split that any of the dictionaries has. */
export function metricsText(entries: readonly MetricsEntry[]): Text {
  const blocks = BLOCKS.flatMap(({ split, title }) => {
    const columns = entries.flatMap((entry) => columnsOf(entry, split));
    if (columns.every(({ measured }) => measured === '')) return [];
    return [textTable([{ title }, ...columns.map(({ heading }) => heading)], rowsOf(columns)), ''];
  });
  const methods = [
    ...new Set(entries.map(({ level, method }) => `${level * 100} % intervals by ${methodText(method)}`)),
  ];
  return [...blocks, `In brackets: ${methods.join('; ')}.`, ...entries.flatMap(comparedText)];
}

function columnsOf(entry: MetricsEntry, split: SplitEntry['split']): Column[] {
  const heading = { title: entry.dictionary, whole: true };
  const { evaluation } = entry;
  if (evaluation?.split !== split) return [{ heading, ...ofIndex(entry, split) }];
  const { metrics, controls, rows, documents } = evaluation;
  const own = { heading, metrics, difference: null, measured: measuredText(rows, documents), source: 'sae eval' };
  return [
    own,
    ...Object.entries(controls).map(([name, control]) => ({
      ...{ heading: { title: `vs ${controlTitle(name)}` }, metrics: control, difference: control.fvuDifference },
      ...{ measured: own.measured, source: own.source },
    })),
  ];
}

function ofIndex({ splits }: MetricsEntry, split: SplitEntry['split']): Omit<Column, 'heading'> {
  const found = splits.find((own) => own.split === split);
  if (found === undefined) return { metrics: {}, difference: null, measured: '', source: '' };
  const { metrics, rows, documents } = found;
  return { metrics, difference: null, measured: measuredText(rows, documents), source: 'index' };
}

/** Lines that no column has anything for are left out. */
function rowsOf(columns: readonly Column[]): string[][] {
  const metrics = NAMES.filter((name) => columns.some((column) => column.metrics[name] !== undefined));
  const differs = columns.some(({ difference }) => difference !== null);
  return [
    ...metrics.map((name) => [METRIC_TITLES[name], ...columns.map((column) => cell(name, column))]),
    ...(differs ? [[DIFFERENCE, ...columns.map(({ difference }) => (difference ? cellOf(difference) : ''))]] : []),
    ['measured on', ...columns.map(({ measured }) => (measured === '' ? 'nothing' : measured))],
    ['measured by', ...columns.map(({ source }) => source)],
  ];
}

const DIFFERENCE = 'unexplained, the dictionary less this control';

function cell(name: MetricName, { metrics, difference }: Column): string {
  return metrics[name] === undefined ? '' : metricText(name, metrics[name], difference === null);
}

function cellOf(difference: Metric): string {
  return metricText('fvuDifference', difference, true);
}

function measuredText(rows: number, documents: number): string {
  return `${counted(rows, 'token')} of ${counted(documents, 'document')}`;
}

/** What is said of controls. */
function comparedText({ dictionary, evaluation, outdated }: MetricsEntry): string[] {
  if (evaluation !== null) return markText(evaluation);
  const why = outdated ? ' (there is an evaluation, of earlier weights)' : '';
  return [`${dictionary} was not compared with controls${why}: \`assay sae eval ${dictionary}\` does it.`];
}

/** What is to be said beside metrics where nothing was left to test on; null where each dictionary has a test split. */
export function untestedNote(entries: readonly MetricsEntry[]): string | null {
  const untested = entries.filter(({ splits }) => (splits.find(({ split }) => split === 'test')?.documents ?? 0) === 0);
  if (untested.length === 0) return null;
  const names = untested.map(({ dictionary }) => dictionary).join(', ');
  return `No number of ${names} was measured on documents that nothing was fitted to: the split test is empty. Give the run more documents, or other shares in corpus.split.`;
}

/** The method as it is recorded, its numbers as people read them. */
function methodText(method: string): string {
  return method.replace(/\d+/g, (digits) => countText(Number(digits)));
}
