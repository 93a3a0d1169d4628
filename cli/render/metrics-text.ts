// How dictionaries' metrics look to a person: a block per split, a column per dictionary. Pure.
import type { MetricsEntry } from '../../reading/metrics/read-metrics.js';
import { textTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { counted, countText } from './quantities.js';

type SplitEntry = MetricsEntry['splits'][number];
type Metric = SplitEntry['metrics']['fvu'];

/** Test first: it is the one to report. */
const BLOCKS: readonly { readonly split: SplitEntry['split']; readonly title: string }[] = [
  { split: 'test', title: 'test: nothing was fitted to it' },
  { split: 'calib', title: 'calib: thresholds may be set on it' },
  { split: 'fit', title: 'fit: the dictionary was trained on it' },
];

const LINES: readonly { readonly title: string; readonly of: (split: SplitEntry) => string }[] = [
  { title: 'fraction of variance unexplained', of: ({ metrics }) => measured(metrics.fvu) },
  { title: 'features per token (L0)', of: ({ metrics }) => measured(metrics.l0) },
  { title: 'features that never fire', of: ({ metrics }) => share(metrics.silent) },
  { title: 'features on more than 10 % of tokens', of: ({ metrics }) => share(metrics.dense) },
  {
    title: 'measured on',
    of: ({ rows, documents }) => `${counted(rows, 'token')} of ${counted(documents, 'document')}`,
  },
];

/** The metrics of every split that any of the dictionaries has. */
export function metricsText(entries: readonly MetricsEntry[]): Text {
  const blocks = BLOCKS.flatMap(({ split, title }) => {
    const found = entries.map((entry) => entry.splits.find((own) => own.split === split));
    if (found.every((own) => own === undefined)) return [];
    const columns = [{ title }, ...entries.map(({ dictionary }) => ({ title: dictionary, whole: true }))];
    const rows = LINES.map((line) => [line.title, ...found.map((own) => (own === undefined ? 'none' : line.of(own)))]);
    return [textTable(columns, rows), ''];
  });
  const methods = [
    ...new Set(entries.map(({ level, method }) => `${level * 100} % intervals by ${methodText(method)}`)),
  ];
  return [...blocks, `In brackets: ${methods.join('; ')}.`];
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

/** `0.1792 (0.1767 to 0.1817)` */
function measured({ value, lo, hi }: Metric): string {
  if (value === null) return 'none';
  const range = lo === null || hi === null ? '' : ` (${lo.toPrecision(4)} to ${hi.toPrecision(4)})`;
  return `${value.toPrecision(4)}${range}`;
}

/** `3 of 2,048` */
function share({ value, n }: Metric): string {
  return value === null ? 'none' : `${countText(value)} of ${countText(n)}`;
}
