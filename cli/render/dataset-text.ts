// How datasets look to a person: the list, one dataset's objects, the result of a verification. Pure.
import type { z } from 'zod';
import type {
  datasetsDocument,
  describeDocument,
  gcDocument,
  verifyDocument,
} from '../../schemas/documents/datasets.js';
import type { Snapshot } from '../../schemas/records.js';
import { textTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { bytesText, counted, countText } from './quantities.js';

const MOST_OBJECTS = 20;
/** Files that are none of the layout's, named. */
const FOREIGN_SHOWN = 10;

/** One line per table; growing datasets say how far they are. */
export function datasetsText(entries: z.infer<typeof datasetsDocument>, snapshots: readonly Snapshot[]): Text {
  if (entries.length === 0) return 'No datasets in this store yet.';
  const growing = new Map(snapshots.filter((s) => !s.complete).map((s) => [s.dataset, s]));
  const columns = [
    { title: 'dataset', whole: true },
    { title: 'table' },
    { title: 'rows', right: true },
    { title: 'size', right: true },
    { title: 'digest', spare: 2 },
    { title: 'snapshot', right: true, spare: 1 },
    { title: '' },
  ];
  const rows = entries.map((entry) => {
    const snapshot = growing.get(entry.name);
    return [
      entry.name,
      entry.table,
      countText(entry.rows),
      bytesText(entry.bytes),
      entry.digest.slice(0, 12),
      String(entry.snapshot),
      snapshot ? growingText(snapshot) : '',
    ];
  });
  return [textTable(columns, rows)];
}

/** `growing: 3 of 16 shards` */
export function growingText(snapshot: Pick<Snapshot, 'commits' | 'planned'>): string {
  const { commits, planned } = snapshot;
  return `growing: ${planned === null ? counted(commits, 'shard') : `${countText(commits)} of ${counted(planned, 'shard')}`}`;
}

/** The dataset's head and its first objects. */
export function describeText(description: z.infer<typeof describeDocument>, snapshot: Snapshot): Text {
  const { dataset, digest, rows, objects } = description;
  const bytes = objects.reduce((sum, object) => sum + object.bytes, 0);
  const state = snapshot.complete ? 'complete' : growingText(snapshot);
  const head = [
    `${dataset}  (snapshot ${description.snapshot}, ${state}${snapshot.quarantined > 0 ? `, ${counted(snapshot.quarantined, 'shard')} quarantined` : ''})`,
    `digest  ${digest}`,
    `rows    ${countText(rows)}`,
    `size    ${bytesText(bytes)} in ${counted(objects.length, 'object')}`,
  ];
  const columns = [
    { title: 'shard', whole: true },
    { title: 'table' },
    { title: 'rows', right: true },
    { title: 'size', right: true },
    { title: 'object', whole: true },
  ];
  const shown = objects.slice(0, MOST_OBJECTS);
  const table = textTable(
    columns,
    shown.map((o) => [o.shard, o.table, countText(o.rows), bytesText(o.bytes), o.key]),
  );
  const more = objects.length - shown.length;
  return [...head, '', table, ...(more > 0 ? [`and ${countText(more)} more; --json lists them all`] : [])];
}

/** Sound, or every damaged object with what to do. */
export function verifyText(report: z.infer<typeof verifyDocument>): string {
  const read = `${counted(report.objects, 'object')}, ${bytesText(report.bytes)} read`;
  if (report.ok) return `${report.dataset} is sound: ${read}; digest ${report.digest}`;
  const damage = report.damage.map(
    ({ key, table, shard, problem }) => `  ${key} (${table}, shard ${shard}): ${problem}`,
  );
  const digest =
    report.digest === report.expected
      ? []
      : [`  digest of what was read: ${report.digest}; expected ${report.expected}`];
  return [
    `${report.dataset} is damaged: ${read}`,
    ...damage,
    ...digest,
    'Restore the objects from a copy, or delete their commits and `assay resume` the run.',
  ].join('\n');
}

/** What is, or was, garbage. */
export function garbageText(garbage: z.infer<typeof gcDocument>): string {
  const { foreign } = garbage;
  if (foreign.length === 0) return collectedText(garbage);
  const named = [...foreign.slice(0, FOREIGN_SHOWN), ...(foreign.length > FOREIGN_SHOWN ? ['…'] : [])];
  return `${collectedText(garbage)}\nLeft: ${counted(foreign.length, 'file')} not of the layout (all of them: --json)\n${named.map((key) => `  ${key}`).join('\n')}`;
}

function collectedText(garbage: z.infer<typeof gcDocument>): string {
  const { applied, keys, commits, objects, bytes, removed, adopted, spared, sparedBytes } = garbage;
  const young =
    spared === 0
      ? ''
      : `${bytesText(sparedBytes)} in ${counted(spared, 'object')} ${spared === 1 ? 'is' : 'are'} not needed but younger than 24 hours: a later gc takes them.`;
  if (keys.length === 0)
    return spared === 0 ? 'Nothing to collect: everything is in use.' : `Nothing to collect yet: ${young}`;
  const rest = keys.length - commits - objects;
  const kinds = [counted(commits, 'commit'), `${countText(objects)} of data`, counted(rest, 'other record')];
  const what = `${counted(keys.length, 'object')} (${kinds.slice(0, rest === 0 ? 2 : 3).join(', ')}), ${bytesText(bytes)}`;
  const more = young === '' ? '' : `\n${young}`;
  if (!applied) return `No longer needed: ${what}${more}\nDelete them with: assay gc --apply`;
  const meanwhile = adopted > 0 ? `; ${countText(adopted)} were taken into use meanwhile and stay` : '';
  return `Found ${what}; deleted ${countText(removed)}${meanwhile}${more}`;
}
