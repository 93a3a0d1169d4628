// Which store a command means: --store, else ASSAY_STORE, else the nearest .assay/config.json.
import { InputError } from '../schemas/errors.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import { canonicalStoreUrl, openStore } from '../storage/objects/open-store.js';
import type { StoreOptions } from '../storage/objects/s3-client.js';
import { findLocalConfig } from './local-config.js';

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

/** Opens the store that is meant. */
export async function openChosenStore(choice: StoreChoice): Promise<ObjectStore> {
  return openStore(choice.url, { storeOptions: choice.options });
}
