// The tokenizer of the run that made a dictionary, as a local copy: what its token ids stand for.
import { readFile } from 'node:fs/promises';
import type { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import { openLocalCopies } from './local-copies.js';
import type { PinnedDictionary } from './snapshots.js';

export interface LocalCopies {
  /** Folder for copies of stored files. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
}

/** The tokenizer of the run's stored configuration. */
export async function openRunTokenizer(
  store: ObjectStore,
  { name, acts }: Pick<PinnedDictionary, 'name' | 'acts'>,
  { cacheFolder, signal }: LocalCopies,
): Promise<Tokenizer> {
  const { model } = await readResolvedRun(store, { name: name.run, revision: acts.revision });
  // Loaded on demand: a tokenizer takes a library.
  const { Tokenizer: RunTokenizer } = await import('../../core/corpus/tokenizer/tokenizer.js');
  return new RunTokenizer(await readFile(await openLocalCopies(store, cacheFolder).fetch(model.tokenizer, signal)));
}
