// Which stores and which sources a worker uses. Whoever reaches Temporal can start a workflow that names any store and any file; a
// worker does only what its own machine allows. Decides on names alone, before anything is opened.
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { InputError } from '../../schemas/errors.js';
import { canonicalStoreUrl } from '../../storage/objects/open-store.js';

/** A store, or a prefix of one. */
export interface AllowedStore {
  readonly url: string;
  /** The endpoint that may be asked with this machine's credentials; null for the SDK's own. */
  readonly endpoint: string | null;
}

export interface AllowedEntries {
  readonly stores: readonly AllowedStore[];
  /** Folders and files of this machine, and prefixes in S3, that sources, models and tokenizers may lie in. */
  readonly sources: readonly string[];
}

export interface AllowList {
  /** @throws InputError where this worker may not use the store */
  assertStore(url: string, options: { readonly endpoint?: string | undefined } | undefined): Promise<void>;
  /** @param places paths or URLs. @throws InputError that names the first one outside of what is allowed */
  assertSources(places: readonly string[]): Promise<void>;
}

/** Everything: for a machine on which everybody who reaches Temporal is trusted. */
export const ALLOW_ANY: AllowList = { assertStore: () => Promise.resolve(), assertSources: () => Promise.resolve() };

/** @param entries are read anew at every question, so that a command can allow something while the worker runs */
export function allowListed(entries: () => Promise<AllowedEntries>): AllowList {
  return {
    assertStore: async (url, options) => {
      const { stores } = await entries();
      const wanted = await realPlace(canonicalStoreUrl(url));
      const endpoint = options?.endpoint ?? null;
      const there = await Promise.all(stores.map(async (store) => ({ ...store, url: await realPlace(store.url) })));
      const named = there.filter((store) => isWithin(wanted, store.url));
      if (named.some((store) => store.endpoint === endpoint || !wanted.startsWith('s3://'))) return;
      const at = endpoint === null ? '' : ` at ${endpoint}`;
      throw new InputError(
        `This worker may not use the store ${url}${at}: it is not among those that it was started for (${listed(stores.map(storeText))}). Start the run with \`assay run\` on the worker's machine, or the worker with --allow-store ${url}.`,
        { store: url, endpoint },
      );
    },
    assertSources: async (places) => {
      if (places.length === 0) return;
      const { sources, stores } = await entries();
      const roots = await Promise.all([...sources, ...stores.map((store) => store.url)].map(realPlace));
      for (const place of places) {
        const wanted = await realPlace(place);
        if (roots.some((root) => isWithin(wanted, root))) continue;
        throw new InputError(
          `This worker may not read ${place}: it lies outside of what the worker was started for (${listed(sources)}). Start the run with \`assay run\` on the worker's machine, or the worker with --allow-source ${place}.`,
          { source: place },
        );
      }
    },
  };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

function storeText({ url, endpoint }: AllowedStore): string {
  return endpoint === null ? url : `${url} at ${endpoint}`;
}

/** A local place without links, so that two spellings of it are one; a URL of another kind as it is. */
async function realPlace(place: string): Promise<string> {
  if (!place.startsWith('file://') && place.includes('://')) return place.replace(/\/+$/, '');
  const local = place.startsWith('file://') ? fileURLToPath(place) : path.resolve(place);
  return pathToFileURL(await withoutLinks(local)).href.replace(/\/+$/, '');
}

/** The path with its links followed as far as it exists. */
async function withoutLinks(local: string): Promise<string> {
  try {
    return await realpath(local);
  } catch {
    const parent = path.dirname(local);
    return parent === local ? local : path.join(await withoutLinks(parent), path.basename(local));
  }
}

function isWithin(place: string, root: string): boolean {
  return place === root || place.startsWith(`${root}/`);
}
