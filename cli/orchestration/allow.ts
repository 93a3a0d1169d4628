// What the workers of this machine may use: a command that starts something here allows its own store and sources to the workers of its
// folder's stack; `assay worker` is told on its command line.
import path from 'node:path';
import { allowIn } from '../../pipeline/allowed/allow-folder.js';
import type { AllowedStore } from '../../pipeline/allowed/allow-list.js';
import { InputError } from '../../schemas/errors.js';
import type { StoreOptionsMessage } from '../../schemas/messages.js';
import { canonicalStoreUrl } from '../../storage/objects/open-store.js';
import type { CommandContext } from '../command.js';
import { allowedFolder } from './local-stack.js';
import type { WorkerOptions } from './requests.js';
import { stackFolder } from './stack-folder.js';

/** Lets the workers of this folder's stack use a store and read what lies at the places. To be called before the work is started. */
export async function allowHere(
  context: CommandContext,
  target: { readonly url: string; readonly options: StoreOptionsMessage },
  places: readonly string[],
): Promise<void> {
  const stores = [allowedStore(target.url, target.options)];
  await allowIn(allowedFolder(await stackFolder(context)), { stores, sources: [...new Set(places)] });
}

function allowedStore(url: string, options: StoreOptionsMessage | undefined): AllowedStore {
  return { url, endpoint: options?.endpoint ?? null };
}

type Allowed = Pick<WorkerOptions, 'allowAny' | 'allowStore' | 'allowSource' | 'allowEndpoint'>;

/** The `allow` of a worker's settings. Without options: the store that commands of this folder mean, and what `run` allowed here. */
export async function allowedOf(flags: Allowed, context: CommandContext): Promise<Record<string, unknown>> {
  if (flags.allowAny === true) return { any: true };
  const endpoints = [null, ...(flags.allowEndpoint ?? [])];
  const given = (flags.allowStore ?? []).flatMap((url) =>
    endpoints.map((endpoint) => ({ url: canonicalStoreUrl(url, context.io.cwd), endpoint })),
  );
  const stores = given.length > 0 ? given : await ownStore(context);
  const sources = (flags.allowSource ?? []).map((place) =>
    place.includes('://') ? place : path.resolve(context.io.cwd, place),
  );
  return { stores, sources, folder: allowedFolder(await stackFolder(context)) };
}

/** @throws InputError where no store is configured */
async function ownStore(context: CommandContext): Promise<AllowedStore[]> {
  try {
    const { url, options } = await context.chooseStore();
    return [allowedStore(url, options)];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      'Expected to be told which stores this worker may use, found none: whoever reaches Temporal could make it write anywhere. Give --allow-store s3://BUCKET/PREFIX (and --allow-source FOLDER for local corpora), or --allow-any where everybody who reaches Temporal is trusted.',
      {},
      { cause: error },
    );
  }
}
