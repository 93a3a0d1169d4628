// From what a user gives for labels to the label of a stored row: ids of documents become their numbers.
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readBatches, type ReadOptions } from '../../storage/scan/batch-reader.js';
import { planRanges } from '../../storage/scan/planner.js';
import { openRunTokenizer } from '../dictionary/run-tokenizer.js';
import type { PinnedDictionary } from '../dictionary/snapshots.js';
import { objectsOf } from '../dictionary/snapshots.js';
import { labelDocuments, labelFirstLetters, type GivenLabel, type KnownDocument, type Labelling } from './labelling.js';
import type { StoredSite } from './stored-shards.js';

/** Where labels come from. */
export type LabelsGiven =
  | { readonly from: 'first-letter' }
  | { readonly from: 'file'; readonly file: string; readonly given: readonly GivenLabel[] };

interface LabelsOf {
  readonly pinned: PinnedDictionary;
  readonly site: StoredSite;
  readonly labels: LabelsGiven;
  readonly read: ReadOptions;
  readonly cacheFolder: string;
}

/** @throws InputError for labels that do not fit the run's documents */
export async function findLabelled(store: ObjectStore, of: LabelsOf): Promise<Labelling> {
  const { pinned, site, labels, read, cacheFolder } = of;
  if (labels.from === 'file') return labelDocuments(labels.given, await knownDocuments(store, of), labels.file);
  const signal = read.signal ?? new AbortController().signal;
  const tokenizer = await openRunTokenizer(store, pinned, { cacheFolder, signal });
  return labelFirstLetters(tokenizer, site.vocabulary);
}

/** Numbers and lengths of the documents that the file names, of all splits. */
async function knownDocuments(
  store: ObjectStore,
  { pinned, labels, read }: LabelsOf,
): Promise<Map<string, KnownDocument>> {
  const wanted = new Set(labels.from === 'file' ? labels.given.map(({ id }) => id) : []);
  const documents = (await objectsOf(store, pinned.tokens)).filter(({ table }) => table === 'documents');
  const known = new Map<string, KnownDocument>();
  for await (const { columns } of readBatches('documents', planRanges(documents, {}), read))
    columns.id.forEach((id, row) => {
      if (!wanted.has(id)) return;
      known.set(id, { doc: columns.doc[row] as number, tokens: columns.tokens[row] as number });
    });
  return known;
}
