// One GET of the S3 driver, whole or by range, with broken bodies resumed (s3-body.ts) and errors named (s3-errors.ts).
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { ResourceError } from '../../schemas/errors.js';
import { readBody, type BodyPart } from './s3-body.js';
import type { S3Limits } from './s3-client.js';
import { isAbsent, s3Error, s3StatusOf } from './s3-errors.js';
import type { StoreCall } from './store-errors.js';

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface S3Read {
  readonly client: S3Client;
  readonly target: { readonly Bucket: string; readonly Key: string };
  readonly call: StoreCall;
  /** Null for the whole object. */
  readonly range: ByteRange | null;
  readonly limits: S3Limits;
  readonly signal: AbortSignal | undefined;
}

/** The bytes of the object or range, shorter only at the object's end; null where there is no object. */
export function readS3Object(read: S3Read): Promise<Uint8Array | null> {
  const { stallMs, attempts } = read.limits;
  return readBody({
    open: async (from, etag, signal) => {
      try {
        return await openBody(read, { range: rangeHeader(read.range, from), etag, signal });
      } catch (error) {
        read.signal?.throwIfAborted();
        throw s3Error(error, read.call);
      }
    },
    call: read.call,
    stallMs,
    attempts,
    signal: read.signal,
  });
}

interface Wanted {
  readonly range: string | undefined;
  readonly etag: string | undefined;
  readonly signal: AbortSignal;
}

async function openBody(read: S3Read, wanted: Wanted): Promise<BodyPart | 'replaced' | null> {
  const { range, etag } = wanted;
  try {
    const answer = await read.client.send(new GetObjectCommand({ ...read.target, Range: range, IfMatch: etag }), {
      abortSignal: wanted.signal,
    });
    if (range !== undefined && answer.ContentRange === undefined) throw wholeObject(read, range);
    const body = answer.Body instanceof Readable ? answer.Body : Readable.from([]);
    return { body, bytes: answer.ContentLength, etag: answer.ETag };
  } catch (error) {
    if (isAbsent(error)) return null;
    const status = error instanceof Error ? s3StatusOf(error) : undefined;
    // If-Match failed: the object is no longer the one that we began to read.
    if (status === 412) return 'replaced';
    // A range that begins at or after the end holds no bytes.
    if (status === 416) return { body: Readable.from([]), bytes: 0, etag };
    throw error;
  }
}

function wholeObject(read: S3Read, range: string): ResourceError {
  const { operation, key, url } = read.call;
  return new ResourceError(
    `Expected ${range} only, the store sent the whole object (operation: ${operation}, key: ${key}, store: ${url}); use a store that serves ranges.`,
    { ...read.call },
  );
}

function rangeHeader(range: ByteRange | null, from: number): string | undefined {
  if (range === null) return from === 0 ? undefined : `bytes=${from}-`;
  return `bytes=${range.offset + from}-${range.offset + range.length - 1}`;
}
