// The store of a run that is started from this folder is the one that later commands here mean; where that is another one, it is said.
import type { StoreOptionsMessage } from '../../schemas/messages.js';
import { canonicalStoreUrl } from '../../storage/objects/open-store.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { CommandContext } from '../command.js';
import { findLocalConfig, writeLocalConfig } from '../local-config.js';
import { sayDefault } from './store-default.js';
import { stackFolder } from './stack-folder.js';
import type { TemporalAddress } from './temporal-client.js';

/** Later commands of this folder read the store of its last run. Says so where they read another one before. */
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
  const before = known === undefined ? null : canonicalStoreUrl(known.store, folder);
  sayDefault(context.output, { folder, store: target.store.url, before });
}
