// Stores content under its own digest, once: what is there already is adopted, and made young again so that garbage
// collection spares it. Content above the limit of one object is cut into parts.
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { sha256Hex } from '../../core/identity/digest.js';
import { MAX_OBJECT_BYTES } from '../../schemas/stored.js';
import { DataError, TransientError } from '../../schemas/errors.js';
import { readAt } from '../files/local-file.js';
import { crashStep } from '../objects/crash-points.js';
import type { CallOptions, ObjectStore } from '../objects/object-store.js';
import { fileError } from '../objects/store-errors.js';
import { partsRecord, readParts, type PartsRecord } from './data-stream.js';
import { untilCollected } from './collection-mark.js';
import { dataKey, PARTS_EXTENSION } from './key-layout.js';
import { encodeRecord } from './record-io.js';

export interface StoredData {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A finished local file whose digest is known. */
export interface DataFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Of the key, without a dot: arrow, safetensors, json, bin … */
  readonly extension: string;
}

export interface PutDataOptions extends CallOptions {
  /** Largest object; the default holds everywhere but in tests. */
  readonly partBytes?: number | undefined;
}

/** Age from which an adopted object is touched; well below the 24 hours that garbage collection spares. */
const TOUCH_AGE_MS = 3600_000;
/** Size from which it pays to ask first whether the object is there. */
const ASK_FIRST_BYTES = 8 * 2 ** 20;
const ATTEMPTS = 3;

/** Where the file's content lies in the store. @throws DataError when the file is not what its digest says */
export async function putDataFile(
  store: ObjectStore,
  file: DataFile,
  options: PutDataOptions = {},
): Promise<StoredData> {
  try {
    if (file.bytes > (options.partBytes ?? MAX_OBJECT_BYTES)) {
      return await putParts(store, file, options);
    }
    const key = dataKey(file.sha256, file.extension);
    const bytes = file.bytes;
    const body = async (): Promise<Uint8Array> => {
      const content = await crashStep('commit.spool.read', () => readFile(file.path));
      assertFile(file, content.length, sha256Hex(content));
      return content;
    };
    await putOnce(store, { key, bytes, body }, options);
    return { key, sha256: file.sha256, bytes };
  } catch (error) {
    throw fileError(error, { operation: 'read local file', key: file.path, url: store.url });
  }
}

/** Where the bytes lie in the store; above the limit of one object they are cut into parts. */
export async function putDataBytes(
  store: ObjectStore,
  data: { readonly bytes: Uint8Array; readonly extension: string },
  options: PutDataOptions = {},
): Promise<StoredData> {
  const { bytes, extension } = data;
  const sha256 = sha256Hex(bytes);
  const limit = options.partBytes ?? MAX_OBJECT_BYTES;
  if (bytes.length > limit) {
    const parts: PartsRecord['parts'] = [];
    for (let at = 0; at < bytes.length; at += limit) {
      const part = { bytes: bytes.subarray(at, at + limit), extension: 'bin' };
      parts.push(await putDataBytes(store, part, options));
    }
    return putPartsRecord(store, { sha256, bytes: bytes.length, extension, parts }, options);
  }
  const key = dataKey(sha256, extension);
  const body = (): Promise<Uint8Array> => Promise.resolve(bytes);
  await putOnce(store, { key, bytes: bytes.length, body }, options);
  return { key, sha256, bytes: bytes.length };
}

interface NewObject {
  readonly key: string;
  readonly bytes: number;
  readonly body: () => Promise<Uint8Array>;
}

async function putOnce(store: ObjectStore, object: NewObject, options: CallOptions): Promise<void> {
  if (object.bytes >= ASK_FIRST_BYTES && (await adopt(store, object, options))) return;
  const body = await object.body();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await crashStep('data.put', () => store.putIfAbsent(object.key, body, options));
    if (outcome === 'created' || (await adopt(store, object, options))) return;
  }
  throw cameAndWent(store, object.key);
}

function cameAndWent(store: ObjectStore, key: string): TransientError {
  return new TransientError(
    `Expected ${key} to be there or not, it came and went ${ATTEMPTS} times in ${store.url}; garbage collection seems to run beside this: try again after it.`,
    { key },
  );
}

/** Whether the object is there and will stay: an old one is touched. @throws DataError for one of another size */
async function adopt(
  store: ObjectStore,
  object: { readonly key: string; readonly bytes: number },
  options: CallOptions,
): Promise<boolean> {
  const info = await store.head(object.key, options);
  if (info === null) return false;
  if (info.bytes !== object.bytes) {
    throw new DataError(
      `Expected ${object.bytes} bytes in ${object.key} of ${store.url}, found ${info.bytes}; the object is damaged: delete it and try again.`,
      { key: object.key, expected: object.bytes, found: info.bytes },
    );
  }
  if (Date.now() - info.modifiedMs < TOUCH_AGE_MS) return true;
  try {
    await crashStep('data.touch', () => store.touch(object.key, options));
    // A collection that took stock before may not have seen it young: what it left counts.
    return !(await untilCollected(store, options)) || (await store.head(object.key, options)) !== null;
  } catch (error) {
    // Collected between the two calls.
    if (error instanceof DataError) return false;
    throw error;
  }
}

async function putParts(store: ObjectStore, file: DataFile, options: PutDataOptions): Promise<StoredData> {
  const standing = await adoptParts(store, file, options);
  if (standing !== null) return standing;
  const limit = options.partBytes ?? MAX_OBJECT_BYTES;
  const whole = createHash('sha256');
  const parts: PartsRecord['parts'] = [];
  const source = await open(file.path, 'r');
  let pending: Promise<StoredData> | null = null;
  try {
    // One part is read and hashed while the one before is sent.
    for (let at = 0; at < file.bytes; at += limit) {
      const length = Math.min(limit, file.bytes - at);
      const bytes = await crashStep('commit.spool.read', () => readAt(source, at, length));
      whole.update(bytes);
      if (pending !== null) parts.push(await pending);
      pending = putDataBytes(store, { bytes, extension: 'bin' }, options);
      pending.catch(() => undefined);
    }
    if (pending !== null) parts.push(await pending);
    assertFile(file, (await source.stat()).size, whole.digest('hex'));
  } finally {
    await source.close();
  }
  return putPartsRecord(store, { ...file, parts }, options);
}

async function putPartsRecord(
  store: ObjectStore,
  whole: Omit<PartsRecord, 'formatVersion'>,
  options: CallOptions,
): Promise<StoredData> {
  const { sha256, bytes, extension, parts } = whole;
  const key = dataKey(sha256, PARTS_EXTENSION);
  const value: PartsRecord = {
    formatVersion: 1,
    sha256,
    bytes,
    extension,
    parts: parts.map((part) => ({ key: part.key, sha256: part.sha256, bytes: part.bytes })),
  };
  const body = encodeRecord(key, value, partsRecord);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const outcome = await crashStep('data.parts.put', () => store.putIfAbsent(key, body, options));
    if (outcome === 'created' || (await adoptParts(store, whole, options)) !== null) return { key, sha256, bytes };
  }
  throw cameAndWent(store, key);
}

async function adoptParts(
  store: ObjectStore,
  file: Pick<DataFile, 'sha256' | 'bytes'>,
  options: CallOptions,
): Promise<StoredData | null> {
  const key = dataKey(file.sha256, PARTS_EXTENSION);
  const info = await store.head(key, options);
  if (info === null) return null;
  const record = await readParts(store, key);
  for (const part of record.parts) {
    if (!(await adopt(store, part, options))) return null;
  }
  if (!(await adopt(store, { key, bytes: info.bytes }, options))) return null;
  return { key, sha256: file.sha256, bytes: file.bytes };
}

function assertFile(file: DataFile, bytes: number, sha256: string): void {
  if (bytes === file.bytes && sha256 === file.sha256) return;
  throw new DataError(
    `Expected ${file.bytes} bytes with SHA-256 ${file.sha256} in ${file.path}, found ${bytes} bytes with ${sha256}; the file changed or was cut short after it was written: make it anew (check the disk of the spool folder).`,
    { path: file.path, expected: file.sha256, found: sha256, bytes },
  );
}
