// The stored evaluation of a dictionary: the rows of its table, and the document that commands print. Computes nothing.
import type { z } from 'zod';
import { DICTIONARY_SUBJECT, type EvaluationRow } from '../../core/dictionaries/compare-controls.js';
import { digestOf } from '../../core/identity/digest.js';
import type { saeEvalDocument } from '../../schemas/documents/sae.js';
import { DataError } from '../../schemas/errors.js';
import type { Split } from '../../schemas/stages.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readSnapshotCommits } from '../../storage/records/snapshots.js';
import { readTable } from '../../storage/tables/read.js';
import { dictionaryDataset, type DictionaryName } from '../datasets/given-names.js';
import { newestSnapshot } from '../runs/stage-keys.js';

export type EvaluationDocument = z.infer<typeof saeEvalDocument>;

export interface StoredEvaluation {
  readonly name: DictionaryName;
  readonly split: Split;
  readonly rows: number;
  readonly documents: number;
  /** Model reference, as files state it. */
  readonly model: string;
  readonly entries: readonly EvaluationRow[];
}

/** The evaluation in a dataset of the dictionary; null before it is whole. */
export async function readEvaluation(
  store: ObjectStore,
  name: DictionaryName,
  dataset = 'evaluation',
): Promise<StoredEvaluation | null> {
  const snapshot = await newestSnapshot(store, dictionaryDataset(name, dataset), (s) => s.complete && s.commits > 0);
  if (snapshot === null) return null;
  for await (const commit of readSnapshotCommits(store, snapshot)) {
    const object = commit.objects.find(({ table }) => table === 'evaluation');
    if (object) return parseTable(name, await readObject(store, object.key));
  }
  return null;
}

/** Documents that an evaluation on another run's corpus left out, because the dictionary was fitted to their text. */
export async function countLeftOut(store: ObjectStore, name: DictionaryName, dataset: string): Promise<number> {
  const sums = dictionaryDataset(name, `${dataset}-sums`);
  const snapshot = await newestSnapshot(store, sums, (s) => s.complete && s.commits > 0);
  let total = 0;
  if (snapshot === null) return total;
  for await (const { statistics } of readSnapshotCommits(store, snapshot)) total += Number(statistics['leftOut'] ?? 0);
  return total;
}

async function readObject(store: ObjectStore, key: string): Promise<Uint8Array> {
  const found = await store.get(key);
  if (found) return found;
  throw new DataError(`Expected the object ${key} in ${store.url}, found nothing; run \`assay sae eval\` again.`, {
    key,
  });
}

async function parseTable(name: DictionaryName, bytes: Uint8Array): Promise<StoredEvaluation> {
  const { columns, metadata } = await readTable('evaluation', bytes);
  const number = (values: ArrayLike<number | bigint>, i: number): number => Number(values[i] ?? 0);
  const maybe = (values: ArrayLike<number>, i: number): number | null => {
    const value = values[i] ?? NaN;
    return Number.isNaN(value) ? null : value;
  };
  const entries = columns.subject.map((subject, i) => ({
    ...{ subject, metric: columns.metric[i] ?? '', n: number(columns.n, i) },
    ...{ value: maybe(columns.value, i), lo: maybe(columns.lo, i), hi: maybe(columns.hi, i) },
  }));
  return {
    ...{ name, entries, model: metadata.get('model') ?? '', split: (columns.split[0] ?? 'test') as Split },
    ...{ rows: number(columns.rows, 0), documents: number(columns.documents, 0) },
  };
}

const METRICS = [
  'fvu',
  'l0',
  'ceRecoveredMean',
  'ceRecoveredZero',
  'deltaCeNats',
  'cosine',
  'reconstructionBias',
  'silent',
  'dense',
  'deadTraining',
] as const;
const CONTROL_METRICS = ['fvu', 'l0', 'cosine', 'reconstructionBias', 'fvuDifference'] as const;

/** The document that `sae eval` and `describe` print. */
export function evaluationDocument({
  name,
  split,
  rows,
  documents,
  model,
  entries,
}: StoredEvaluation): EvaluationDocument {
  const controls = [...new Set(entries.map(({ subject }) => subject))].filter((one) => one !== DICTIONARY_SUBJECT);
  return {
    ...{ dictionary: `${name.run}/${name.dictionary}`, model: modelText(model), split, rows, documents },
    metrics: pick(entries, DICTIONARY_SUBJECT, METRICS),
    controls: Object.fromEntries(controls.map((control) => [control, pick(entries, control, CONTROL_METRICS)])),
  };
}

type Metric = EvaluationDocument['metrics']['fvu'];

function pick<const Name extends string>(
  entries: readonly EvaluationRow[],
  subject: string,
  names: readonly Name[],
): Record<Name, Metric> {
  const found = names.map((name) => {
    const row = entries.find((entry) => entry.subject === subject && entry.metric === name);
    const { value = null, lo = null, hi = null, n = 0 } = row ?? {};
    return [name, { value, lo, hi, n }] as const;
  });
  return Object.fromEntries(found) as Record<Name, Metric>;
}

function modelText(reference: string): string {
  if (reference === '') return '';
  const { base, edits } = JSON.parse(reference) as { base: string; edits: readonly unknown[] };
  return edits.length === 0 ? base : `${base}#${digestOf(edits).slice(0, 16)}`;
}
