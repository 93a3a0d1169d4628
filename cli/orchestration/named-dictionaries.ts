// Where a run file's or a command's edits of features find their dictionaries: the store that is meant, copies of weights beside those of
// other commands.
import { join } from 'node:path';
import { resolveDictionary } from '../../reading/datasets/pinned.js';
import { openLocalCopies } from '../../reading/dictionary/local-copies.js';
import { dictionaryLookup, type DictionaryLookup } from '../../stages/train/stored-dictionary.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { openStore } from '../../storage/objects/open-store.js';
import type { CommandContext } from '../command.js';
import { requireStore, type FileStore } from '../store-choice.js';

/** The dictionaries of a store. */
export function dictionariesIn(
  store: ObjectStore,
  { io, environment }: Pick<CommandContext, 'io' | 'environment'>,
): DictionaryLookup {
  const cache = openLocalCopies(store, join(environment.cacheFolder, 'cache'));
  return dictionaryLookup({ store, cache, signal: io.signal });
}

/** The dictionaries of the store that a command means, which is opened when the first is asked for. */
export function commandDictionaries(
  context: Pick<CommandContext, 'io' | 'environment' | 'openStore'>,
): DictionaryLookup {
  let lookup: DictionaryLookup | null = null;
  return async (given) => {
    const store = await context.openStore();
    const { run, dictionary } = await resolveDictionary(store, given);
    lookup ??= dictionariesIn(store, context);
    return lookup(`${run}/${dictionary}`);
  };
}

/** Gives the dictionaries of a file's store, which is opened when the first is asked for and closed when the work is done. */
export async function withFileDictionaries<T>(
  context: CommandContext,
  file: FileStore,
  work: (dictionary: DictionaryLookup) => Promise<T>,
): Promise<T> {
  let opened: Promise<{ readonly store: ObjectStore; readonly lookup: DictionaryLookup }> | null = null;
  const open = async (): Promise<{ readonly store: ObjectStore; readonly lookup: DictionaryLookup }> => {
    const choice = await context.chooseFileStore(file);
    const store = await openStore(choice.url, { storeOptions: choice.options });
    await requireStore(store, choice);
    return { store, lookup: dictionariesIn(store, context) };
  };
  try {
    return await work(async (name) => {
      opened ??= open();
      return (await opened).lookup(name);
    });
  } finally {
    const known = await (opened as Promise<{ readonly store: ObjectStore }> | null)?.catch(() => null);
    await known?.store.close();
  }
}
