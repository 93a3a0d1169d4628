// JSON values as data objects: zstd-compressed, under their content's digest.
import type { StoredFile } from '../../schemas/stored.js';
import { initZstd, zstdCompress, zstdDecompress } from '../arrow/zstd.js';
import type { ObjectStore } from '../objects/object-store.js';
import { putDataBytes } from './data-objects.js';
import { getData } from './data-stream.js';

/** Stores the value; equal values give equal references. */
export async function putJson(store: ObjectStore, value: unknown): Promise<StoredFile> {
  await initZstd();
  const bytes = zstdCompress(new TextEncoder().encode(JSON.stringify(value)));
  return putDataBytes(store, { bytes, extension: 'json.zst' });
}

/** A JSON value stored by `putJson`, verified. @throws DataError where it is missing or damaged */
export async function getJson(store: ObjectStore, ref: StoredFile): Promise<unknown> {
  await initZstd();
  return JSON.parse(new TextDecoder().decode(zstdDecompress(await getData(store, ref))));
}
