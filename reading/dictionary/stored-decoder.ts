// The decoder rows of a stored dictionary, opened from its file: of each feature the rows of all sites written, one after the other.
import { wiringOf } from '../../core/dictionaries/wirings.js';
import { DecoderRows } from '../../stages/profile/decoder-rows.js';
import { sitesOfDictionary } from '../../stages/train/dictionary.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import { openLocalCopies } from './local-copies.js';
import type { StoredDictionary } from './stored-weights.js';

export interface StoredDecoder {
  /** To be closed by the caller; a sentence where the decoder lies in another form. */
  readonly rows: DecoderRows | string;
  /** Sites that it writes. */
  readonly writes: readonly string[];
  /** By which its first values were drawn; null: it was not trained here. */
  readonly seed: number | null;
}

/** @param of the revision whose run says which sites it reads and writes */
export async function openStoredDecoder(
  store: ObjectStore,
  of: { readonly dictionary: StoredDictionary; readonly revision: number },
  { cacheFolder, signal }: { readonly cacheFolder: string; readonly signal: AbortSignal },
): Promise<StoredDecoder> {
  const { name, features, weights } = of.dictionary;
  const run = await readResolvedRun(store, { name: name.run, revision: of.revision });
  const own = run.dictionaries.find((one) => one.name === name.dictionary);
  const sites = own === undefined ? null : sitesOfDictionary(run, own);
  const decoders = sites === null ? [] : wiringOf({ sites, features }).decoders;
  const writes = decoders.map(({ name: tensor, width, features: held }) => ({ tensor, width, features: held }));
  const path = await openLocalCopies(store, cacheFolder).fetch(weights, signal);
  const seed = own && !('taken' in own) ? own.sae.seed : null;
  return { rows: await DecoderRows.open(path, { features, writes }), writes: own?.writes ?? [], seed };
}
