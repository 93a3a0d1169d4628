// From a store's URL to its driver. Does no request and makes no folder: a reader of a store leaves no trace.
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../../schemas/errors.js';
import { createFileStore } from './file-store.js';
import { openMemoryStore } from './memory-store.js';
import type { ObjectStore } from './object-store.js';
import type { S3Limits, StoreOptions } from './s3-client.js';

export interface OpenStoreOptions {
  /** Connection settings of the run file; only `s3://` uses them. */
  readonly storeOptions?: StoreOptions | undefined;
  /** Folder from which a relative path starts: the run file's for `store:`, the current one for `--store`. */
  readonly base?: string | undefined;
  /** Other time limits than the usual ones; tests shorten them. */
  readonly limits?: S3Limits | undefined;
}

/**
 * The store at a URL: `file://./data`, `file:///data`, a bare path, `s3://bucket/prefix` or `memory://name`.
 * Credentials of S3 come from the environment or the SDK's chain.
 * @throws InputError for another form
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<ObjectStore> {
  if (url.startsWith('s3://')) {
    // Loaded on demand: the SDK takes a tenth of a second that a local store need not pay.
    const { openS3Store } = await import('./s3-store.js');
    return openS3Store(url, options.storeOptions ?? {}, options.limits);
  }
  if (url.startsWith('memory://')) return openMemoryStore(url);
  return createFileStore(folderOf(url, options.base));
}

/** Canonical form of a store's URL (absolute path, no slash at the end), by which stores are compared. */
export function canonicalStoreUrl(url: string, base?: string): string {
  if (url.startsWith('s3://') || url.startsWith('memory://')) return url.replace(/\/+$/, '');
  return createFileStore(folderOf(url, base)).url;
}

function folderOf(url: string, base: string | undefined): string {
  const path = pathOf(url);
  if (isAbsolute(path)) return resolve(path);
  if (base === undefined) {
    throw new InputError(
      `Expected an absolute folder, found ${JSON.stringify(url)} without a folder to start from; give file:///full/path.`,
      { url },
    );
  }
  return resolve(base, path);
}

function pathOf(url: string): string {
  if (url === '') throw badUrl(url);
  if (!url.startsWith('file://')) {
    if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(url)) throw badUrl(url);
    return url;
  }
  const rest = url.slice('file://'.length);
  // `file://./data` is no URL by the letter, but what people write for a relative folder.
  try {
    // A path has neither query nor fragment: `?` and `#` are characters of names.
    return rest.startsWith('/') ? fileURLToPath(url.replace(/[?#]/g, encodeURIComponent)) : decodeURIComponent(rest);
  } catch (error) {
    if (!(error instanceof URIError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    throw badUrl(url);
  }
}

function badUrl(url: string): InputError {
  return new InputError(
    `Expected a store like file://./data, s3://bucket/prefix or a folder, found ${JSON.stringify(url)}; correct \`store\` or --store.`,
    { url },
  );
}
