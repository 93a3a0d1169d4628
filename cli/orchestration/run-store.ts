// The store of a run that is started from this folder: how it is reached, and that later commands here mean it.
import type { StoreOptionsMessage } from '../../schemas/messages.js';
import { canonicalStoreUrl } from '../../storage/objects/open-store.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { CommandContext } from '../command.js';
import { findLocalConfig, writeLocalConfig } from '../local-config.js';
import { stackFolder } from './stack-commands.js';
import type { TemporalAddress } from './temporal-client.js';

export async function localStoreOptions(context: CommandContext, url: string): Promise<StoreOptionsMessage> {
  const found = await findLocalConfig(context.io.cwd);
  const same = found !== null && canonicalStoreUrl(found.config.store, found.folder) === url;
  return same ? (found.config.storeOptions ?? {}) : {};
}

/** Later commands of this folder read the store of its last run. */
export async function rememberStore(
  context: CommandContext,
  target: { readonly store: ObjectStore; readonly storeOptions: StoreOptionsMessage },
  at: TemporalAddress,
): Promise<void> {
  if (target.store.url.startsWith('memory:')) return;
  const folder = await stackFolder(context);
  const known = (await findLocalConfig(context.io.cwd))?.config;
  const temporal = known?.temporal ?? { address: at.address, namespace: at.namespace };
  await writeLocalConfig(folder, {
    ...known,
    formatVersion: 1,
    store: target.store.url,
    storeOptions: target.storeOptions,
    temporal,
  });
}
