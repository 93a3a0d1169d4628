// The labels that users gave to the features of one dictionary, read and changed as a whole: a table `labels` in the store, named by
// the newest record of records/labels.ts. Decides nothing about what a label may say.
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import { makeOwnFolder } from '../files/own-folder.js';
import type { CallOptions, ObjectStore } from '../objects/object-store.js';
import { putDataFile } from '../records/data-objects.js';
import { getData } from '../records/data-stream.js';
import { changeLabels, getLabels, type LabelsRecord } from '../records/labels.js';
import { LAYOUTS, type TableColumns } from '../tables/layouts.js';
import { readTable } from '../tables/read.js';
import { RowsWriter } from '../tables/rows-writer.js';

/** By feature. */
export type UserLabels = Map<number, string>;

const SHARD = 'labels';

/** The labels that stand. @param dictionary SHA-256 of its weights @throws DataError where they are damaged */
export async function readUserLabels(store: ObjectStore, dictionary: string): Promise<UserLabels> {
  for (;;) {
    const record = await getLabels(store, dictionary);
    try {
      return await labelsOf(store, record);
    } catch (error) {
      // Collected because a newer record stands meanwhile.
      if (!(error instanceof DataError) || (await getLabels(store, dictionary))?.version === record?.version)
        throw error;
    }
  }
}

export interface UserLabelsChange extends CallOptions {
  readonly dictionary: string;
  /** Changes the labels in place; called anew, on what then stands, where another writer was faster. */
  readonly change: (labels: UserLabels) => void;
}

/** The labels that stand after the change. */
export async function changeUserLabels(store: ObjectStore, request: UserLabelsChange): Promise<UserLabels> {
  const { dictionary, change, signal } = request;
  let labels: UserLabels = new Map();
  const make = async (standing: LabelsRecord | null): Promise<Pick<LabelsRecord, 'labels' | 'objects'> | null> => {
    const before = standing === null ? new Map<number, string>() : await readUserLabels(store, dictionary);
    labels = new Map(before);
    change(labels);
    if (isSame(before, labels)) return null;
    return { labels: labels.size, objects: await writeTable(store, { dictionary, labels }, { signal }) };
  };
  await changeLabels(store, { dictionary, make, signal });
  return labels;
}

async function labelsOf(store: ObjectStore, record: LabelsRecord | null): Promise<UserLabels> {
  const labels: UserLabels = new Map();
  for (const object of record?.objects ?? []) {
    const { columns } = await readTable('labels', await getData(store, object));
    columns.feature.forEach((feature, row) => labels.set(feature, columns.label[row] ?? ''));
  }
  return labels;
}

/** Rows as the table has them, by feature. */
export function userLabelColumns(labels: ReadonlyMap<number, string>): TableColumns['labels'] {
  const feature = Uint32Array.from(labels.keys()).sort();
  return {
    feature,
    label: Array.from(feature, (one) => labels.get(one) ?? ''),
    source: Array.from(feature, () => 'user'),
    score: new Float64Array(feature.length).fill(NaN),
    n: new Uint32Array(feature.length),
  };
}

/** The rows of features to which no user gave a label. */
export function labelsBeside(columns: TableColumns['labels'], given: UserLabels): TableColumns['labels'] {
  const rows = Uint32Array.from(columns.feature.keys()).filter((row) => !given.has(columns.feature[row] as number));
  return {
    feature: Uint32Array.from(rows, (row) => columns.feature[row] as number),
    label: Array.from(rows, (row) => columns.label[row] ?? ''),
    source: Array.from(rows, (row) => columns.source[row] ?? ''),
    score: Float64Array.from(rows, (row) => columns.score[row] as number),
    n: Uint32Array.from(rows, (row) => columns.n[row] as number),
  };
}

interface Written {
  readonly dictionary: string;
  readonly labels: UserLabels;
}

async function writeTable(
  store: ObjectStore,
  { dictionary, labels }: Written,
  options: CallOptions,
): Promise<ObjectRecord[]> {
  if (labels.size === 0) return [];
  const folder = await makeOwnFolder(tmpdir(), 'assay-labels-');
  try {
    const path = join(folder, 'labels.arrow');
    // Of no stage: its file names the dictionary instead of a key.
    const writer = await RowsWriter.open(LAYOUTS.labels, { path, shard: SHARD, metadata: { dictionary } });
    await writer.write(userLabelColumns(labels));
    const objects: ObjectRecord[] = [];
    for (const file of await writer.finish()) {
      const { key, sha256, bytes } = await putDataFile(store, file, options);
      objects.push({ table: 'labels', shard: SHARD, key, sha256, bytes, rows: file.rows, batches: [...file.batches] });
    }
    return objects;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isSame(a: UserLabels, b: UserLabels): boolean {
  return a.size === b.size && [...a].every(([feature, label]) => b.get(feature) === label);
}
