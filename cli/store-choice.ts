// Which store a command means: --store, else ASSAY_STORE, else the nearest .assay/config.json.
import { readdir, stat } from 'node:fs/promises';
import { InputError } from '../schemas/errors.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import { canonicalStoreUrl, openStore } from '../storage/objects/open-store.js';
import type { StoreOptions } from '../storage/objects/s3-client.js';
import { findLocalConfig } from './local-config.js';
import type { Output } from './output.js';

export interface StoreChoice {
  /** Canonical URL. */
  readonly url: string;
  readonly options: StoreOptions;
  /** Where the choice comes from, for messages. */
  readonly from: string;
}

export interface StoreHints {
  /** Value of --store. */
  readonly option: string | null;
  /** Value of ASSAY_STORE. */
  readonly environment: string | null;
  readonly cwd: string;
}

/**
 * The store that is meant. Relative folders of --store and ASSAY_STORE start at the current folder, one in
 * .assay/config.json at the folder that holds it; its connection settings serve the same store named otherwise too.
 * @throws InputError where nothing names a store
 */
export async function chooseStore(hints: StoreHints): Promise<StoreChoice> {
  const found = await findLocalConfig(hints.cwd);
  const configured = found === null ? null : canonicalStoreUrl(found.config.store, found.folder);
  const named = hints.option ?? hints.environment;
  if (named !== null) {
    const url = canonicalStoreUrl(named, hints.cwd);
    const options = url === configured ? found?.config.storeOptions : undefined;
    return { url, options: options ?? {}, from: hints.option === null ? 'ASSAY_STORE' : '--store' };
  }
  if (configured !== null) {
    return {
      url: configured,
      options: found?.config.storeOptions ?? {},
      from: `${found?.folder ?? ''}/.assay/config.json`,
    };
  }
  throw new InputError(
    `Expected a store, found none: no --store, no ASSAY_STORE and no .assay/config.json in ${hints.cwd} or above. ` +
      'Give --store file://FOLDER or s3://BUCKET/PREFIX, or start a run from this folder first.',
    { cwd: hints.cwd },
  );
}

/** What a run file or a training file says of its store, and where the file is. */
export interface FileStore {
  readonly file: { readonly store: string; readonly storeOptions?: StoreOptions | undefined };
  readonly folder: string;
  /** False where the file leaves its store to the default. */
  readonly storeNamed: boolean;
}

/**
 * The store of what a file starts: --store, else ASSAY_STORE, else the one that the file names, from its own folder. Connection
 * settings are those of the file for its own store, those of .assay/config.json for the store that it holds.
 */
export async function chooseFileStore(
  hints: StoreHints,
  { file, folder, storeNamed }: FileStore,
): Promise<StoreChoice> {
  const own = canonicalStoreUrl(file.store, folder);
  const named = hints.option ?? hints.environment;
  const url = named === null ? own : canonicalStoreUrl(named, hints.cwd);
  const found = await findLocalConfig(hints.cwd);
  const same = found !== null && canonicalStoreUrl(found.config.store, found.folder) === url;
  const known = same ? found.config.storeOptions : undefined;
  const options = (url === own ? (file.storeOptions ?? known) : (known ?? file.storeOptions)) ?? {};
  const ofFile = storeNamed ? 'the file' : 'the default, beside the file';
  return { url, options, from: hints.option !== null ? '--store' : named === null ? ofFile : 'ASSAY_STORE' };
}

/** Opens the store that is meant, and names it. @param makes whether the command makes one where there is none, and says so */
export async function openChosenStore(
  choice: StoreChoice,
  output: Pick<Output, 'note'>,
  { makes = false }: { readonly makes?: boolean } = {},
): Promise<ObjectStore> {
  const store = await openStore(choice.url, { storeOptions: choice.options });
  const fresh = makes && (await isNewStore(store)) ? ', new' : '';
  output.note(`store ${store.url} (${choice.from}${fresh})`);
  return store;
}

/** Whether nothing lies there yet. What cannot be looked at is told where it is used. */
export async function isNewStore(store: ObjectStore): Promise<boolean> {
  if (store.folder !== undefined) {
    return readdir(store.folder).then(
      (names) => names.length === 0,
      (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT',
    );
  }
  try {
    for await (const object of store.list('')) return object.key === '';
    return true;
  } catch {
    return false;
  }
}

/** @throws InputError where nothing was ever stored there: a reader would find it empty, and the mistyped name would not be noticed */
export async function requireStore(store: ObjectStore, choice: StoreChoice): Promise<void> {
  const found = await existing(store, choice);
  if (found === null) return;
  throw new InputError(
    `Expected a store at ${store.url} (named by ${choice.from}), found ${found}. Correct the name; a run makes a store where there is none.`,
    { store: store.url, from: choice.from },
  );
}

/** What is there instead of a store; null where there is one. */
async function existing(store: ObjectStore, { from }: StoreChoice): Promise<string | null> {
  if (store.folder !== undefined) {
    const info = await stat(store.folder).catch((error: unknown) => error as NodeJS.ErrnoException);
    if (info instanceof Error) return info.code === 'ENOENT' ? 'no such folder' : null;
    return info.isDirectory() ? null : 'a file';
  }
  // `up` configures a bucket that is empty at first.
  if (!store.url.startsWith('s3:') || from.endsWith('config.json')) return null;
  for await (const object of store.list('')) return object.key === '' ? 'nothing' : null;
  return 'nothing';
}
