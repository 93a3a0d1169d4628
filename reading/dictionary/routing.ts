// Whether the features of a dictionary are divided among experts, as the run says that trained it.
import type { z } from 'zod';
import type { routedInfo } from '../../schemas/documents/routed.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { dictionaryDataset } from '../datasets/given-names.js';
import { newestSnapshot } from '../runs/stage-keys.js';

export type RoutedInfo = NonNullable<z.infer<typeof routedInfo>>;

/** Null where every feature sees every row, or the dictionary is not published. */
export async function routingOf(store: ObjectStore, name: DictionaryName): Promise<RoutedInfo | null> {
  const snapshot = await newestSnapshot(store, dictionaryDataset(name, 'weights'), (s) => s.commits > 0);
  if (snapshot === null) return null;
  const run = await readResolvedRun(store, { name: name.run, revision: snapshot.revision });
  const dictionary = run.dictionaries.find((one) => one.name === name.dictionary);
  const routed = dictionary && 'routed' in dictionary.sae ? dictionary.sae.routed : undefined;
  return routed ? { kind: routed.kind, experts: routed.experts } : null;
}

/** The same as a field of a document, which is left out where there are no experts. */
export async function routingField(store: ObjectStore, name: DictionaryName): Promise<{ routed?: RoutedInfo }> {
  const routed = await routingOf(store, name);
  return routed ? { routed } : {};
}
