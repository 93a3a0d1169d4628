// Reads data objects: whole or as a stream of pieces, joined from parts where the content was cut, and never without
// checking the digest that names them.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { sha256Hex } from '../../core/identity/digest.js';
import { MAX_OBJECT_BYTES } from '../../schemas/stored.js';
import { DataError, ResourceError } from '../../schemas/errors.js';
import type { CallOptions, ObjectStore } from '../objects/object-store.js';
import { appendChunks } from '../files/local-file.js';
import { fileError, missingObject } from '../objects/store-errors.js';
import { PARTS_EXTENSION } from './key-layout.js';
import { readRecord } from './record-io.js';

/** A stored data object; `bytes` where it is known. */
export interface DataReference {
  readonly key: string;
  readonly sha256: string;
  readonly bytes?: number | undefined;
}

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.number().int().nonnegative();

/** What `data/<2>/<sha256>.parts.json` holds: the pieces of a content larger than one object may be. */
export const partsRecord = z.strictObject({
  formatVersion: z.literal(1),
  sha256: digest,
  bytes,
  extension: z.string(),
  parts: z.array(z.strictObject({ key: z.string(), sha256: digest, bytes })),
});
export type PartsRecord = z.infer<typeof partsRecord>;

/** Bytes asked for by one request of a stream, and requests under way together. */
const PIECE_BYTES = 16 * 2 ** 20;
const PIECES_AHEAD = 3;

/** Whole content, verified. @throws DataError where it is missing or its digest is another; ResourceError above 2 GiB */
export async function getData(
  store: ObjectStore,
  reference: DataReference,
  options?: CallOptions,
): Promise<Uint8Array> {
  if (!reference.key.endsWith(`.${PARTS_EXTENSION}`)) {
    const content = await store.get(reference.key, options);
    if (content === null) throw missingData(store, reference.key);
    assertDigest(store, reference, sha256Hex(content));
    return content;
  }
  const record = await readParts(store, reference.key);
  if (record.bytes > 2 ** 31 - 1) throw tooLarge(reference.key, record.bytes);
  const content = Buffer.allocUnsafe(record.bytes);
  let filled = 0;
  for await (const piece of streamData(store, reference, options)) {
    content.set(piece, filled);
    filled += piece.length;
  }
  return content;
}

/** The content in pieces, in order; the last piece comes only when the digest of all is right. @throws DataError */
export async function* streamData(
  store: ObjectStore,
  reference: DataReference,
  options?: CallOptions,
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  let held: Uint8Array | null = null;
  for await (const piece of rawPieces(store, reference, options)) {
    if (held !== null) yield held;
    hash.update(piece);
    held = piece;
  }
  assertDigest(store, reference, hash.digest('hex'));
  if (held !== null) yield held;
}

/** Writes the verified content to a file, without holding it in memory; flushed to disk. @throws DataError */
export async function fetchDataToFile(
  store: ObjectStore,
  reference: DataReference,
  options: CallOptions & { readonly path: string },
): Promise<void> {
  const call = { operation: 'write local file', key: options.path, url: store.url };
  const file = await open(options.path, 'w').catch((error: unknown) => {
    throw fileError(error, call);
  });
  try {
    for await (const piece of streamData(store, reference, options)) {
      await appendChunks(file, [piece]).catch((error: unknown) => {
        throw fileError(error, call);
      });
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The pieces of a large content. @throws DataError where the record is missing or damaged */
export async function readParts(store: ObjectStore, key: string): Promise<PartsRecord> {
  const record = await readRecord(store, key, partsRecord);
  if (record === null) throw missingData(store, key);
  return record;
}

async function* rawPieces(
  store: ObjectStore,
  reference: DataReference,
  options: CallOptions | undefined,
): AsyncIterable<Uint8Array> {
  if (!reference.key.endsWith(`.${PARTS_EXTENSION}`)) {
    const size = (await store.head(reference.key, options))?.bytes;
    if (size === undefined) throw missingData(store, reference.key);
    yield* rangesOf(store, { key: reference.key, bytes: size }, options);
    return;
  }
  const record = await readParts(store, reference.key);
  for (const part of record.parts) yield* rangesOf(store, part, options);
}

async function* rangesOf(
  store: ObjectStore,
  object: { readonly key: string; readonly bytes: number },
  options: CallOptions | undefined,
): AsyncIterable<Uint8Array> {
  const ahead: Promise<Uint8Array>[] = [];
  let asked = 0;
  const ask = (): void => {
    const length = Math.min(PIECE_BYTES, object.bytes - asked);
    const piece = store.getRange(object.key, asked, length, options);
    // A reader that stops early must not leave a failure unheard.
    piece.catch(() => undefined);
    ahead.push(piece);
    asked += length;
  };
  while (asked < object.bytes || ahead.length > 0) {
    while (asked < object.bytes && ahead.length < PIECES_AHEAD) ask();
    const piece = await ahead.shift();
    if (piece !== undefined) yield piece;
  }
}

function assertDigest(store: ObjectStore, reference: DataReference, found: string): void {
  if (found === reference.sha256) return;
  throw new DataError(
    `Expected content with SHA-256 ${reference.sha256}, found ${found} in ${reference.key} of ${store.url}; the object is damaged: restore it from a copy, or delete it and its commits and \`assay resume\`.`,
    { key: reference.key, expected: reference.sha256, found },
  );
}

function missingData(store: ObjectStore, key: string): DataError {
  return missingObject({ operation: 'read', key, url: store.url });
}

function tooLarge(key: string, found: number): ResourceError {
  return new ResourceError(
    `Expected content of at most 2 GiB to be read into memory, found ${found} bytes in ${key} (objects are of at most ${MAX_OBJECT_BYTES}); read it as a file instead.`,
    { key, bytes: found },
  );
}
