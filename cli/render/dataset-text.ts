// How datasets look to a person: the list, one dataset's objects, the result of a verification. Pure.
import type { z } from 'zod';
import type {
  datasetsDocument,
  describeDocument,
  gcDocument,
  verifyDocument,
} from '../../schemas/documents/datasets.js';
import type { Snapshot } from '../../schemas/records.js';
import { bytesText, countText } from './quantities.js';
import { textTable } from './text-table.js';

const MOST_OBJECTS = 20;

/** One line per table; growing datasets say how far they are. */
export function datasetsText(entries: z.infer<typeof datasetsDocument>, snapshots: readonly Snapshot[]): string {
  if (entries.length === 0) return 'No datasets in this store yet.';
  const growing = new Map(snapshots.filter((s) => !s.complete).map((s) => [s.dataset, s]));
  const columns = [
    { title: 'dataset' },
    { title: 'table' },
    { title: 'rows', right: true },
    { title: 'size', right: true },
    { title: 'digest' },
    { title: 'snapshot', right: true },
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
  return textTable(columns, rows);
}

/** `growing: 3 of 16 shards` */
export function growingText(snapshot: Pick<Snapshot, 'commits' | 'planned'>): string {
  const planned = snapshot.planned === null ? '' : ` of ${countText(snapshot.planned)}`;
  return `growing: ${countText(snapshot.commits)}${planned} shards`;
}

/** The dataset's head and its first objects. */
export function describeText(description: z.infer<typeof describeDocument>, snapshot: Snapshot): string {
  const { dataset, digest, rows, objects } = description;
  const bytes = objects.reduce((sum, object) => sum + object.bytes, 0);
  const state = snapshot.complete ? 'complete' : growingText(snapshot);
  const head = [
    `${dataset}  (snapshot ${description.snapshot}, ${state}${snapshot.quarantined > 0 ? `, ${snapshot.quarantined} shards quarantined` : ''})`,
    `digest  ${digest}`,
    `rows    ${countText(rows)}`,
    `size    ${bytesText(bytes)} in ${countText(objects.length)} objects`,
  ];
  const columns = [
    { title: 'shard' },
    { title: 'table' },
    { title: 'rows', right: true },
    { title: 'size', right: true },
    { title: 'object' },
  ];
  const shown = objects.slice(0, MOST_OBJECTS);
  const table = textTable(
    columns,
    shown.map((o) => [o.shard, o.table, countText(o.rows), bytesText(o.bytes), o.key]),
  );
  const more = objects.length - shown.length;
  return [...head, '', table, ...(more > 0 ? [`and ${countText(more)} more; --json lists them all`] : [])].join('\n');
}

/** Sound, or every damaged object with what to do. */
export function verifyText(report: z.infer<typeof verifyDocument>): string {
  const read = `${countText(report.objects)} objects, ${bytesText(report.bytes)} read`;
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
  const { applied, keys, commits, objects, bytes, removed, spared } = garbage;
  if (keys.length === 0) return 'Nothing to collect: everything is in use or younger than 24 hours.';
  const what = `${countText(keys.length)} objects (${countText(commits)} commits, ${countText(objects)} of data), ${bytesText(bytes)}`;
  if (!applied) return `No longer needed: ${what}\nDelete them with: assay gc --apply`;
  const adopted = spared > 0 ? `; ${countText(spared)} were taken into use meanwhile and stay` : '';
  return `Found ${what}; deleted ${countText(removed)}${adopted}`;
}
