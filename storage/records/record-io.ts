// Reads and writes the small JSON records of a store: canonical text on disk, parsed by schema on every read back.
import { type z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { withoutQuotations } from '../../core/text/outgoing.js';
import { FORMAT_VERSION } from '../../schemas/stored.js';
import { DataError } from '../../schemas/errors.js';
import { crashStep } from '../objects/crash-points.js';
import type { CallOptions, ObjectInfo, ObjectStore, PutOptions } from '../objects/object-store.js';

/** A record as stored bytes: canonical JSON, so that equal records are equal bytes. @throws DataError unless it fits */
export function encodeRecord<T>(key: string, value: T, schema: z.ZodType<T>): Uint8Array {
  const checked = schema.safeParse(value);
  if (!checked.success) throw unfit(key, checked.error, 'to be written');
  return Buffer.from(canonicalJson(value));
}

/** The record that stored bytes hold. @throws DataError naming the key when they are damaged or of a newer version */
export function decodeRecord<T>(key: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new DataError(
      `Expected JSON in ${key}, found ${bytes.length} bytes that are none (${withoutQuotations(String(error))}); the record is damaged: restore it, or delete it and \`assay resume\`.`,
      { key },
      { cause: error },
    );
  }
  const version = (value as { formatVersion?: unknown } | null)?.formatVersion;
  if (typeof version === 'number' && version > FORMAT_VERSION) {
    throw new DataError(
      `Expected a record of format version ${FORMAT_VERSION} or older in ${key}, found version ${version}; a newer Assay wrote it: upgrade this one.`,
      { key, version },
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw unfit(key, parsed.error, 'that was read');
  return parsed.data;
}

/** The record at a key, or null where there is none. @throws DataError when it is damaged */
export async function readRecord<T>(store: ObjectStore, key: string, schema: z.ZodType<T>): Promise<T | null> {
  const bytes = await store.get(key);
  return bytes === null ? null : decodeRecord(key, bytes, schema);
}

export interface NewRecord<T> extends PutOptions {
  readonly key: string;
  readonly value: T;
  readonly schema: z.ZodType<T>;
}

/**
 * The record that stands under the key: this one, or the one that was there first. `created` also when the standing one
 * equals ours byte for byte, as after a reply that was lost.
 */
export async function createRecord<T>(
  store: ObjectStore,
  record: NewRecord<T>,
): Promise<{ readonly record: T; readonly created: boolean }> {
  const { key, value, schema, signal, urgent } = record;
  const bytes = encodeRecord(key, value, schema);
  for (;;) {
    if ((await store.putIfAbsent(key, bytes, { signal, urgent })) === 'created') {
      return { record: value, created: true };
    }
    const standing = await crashStep('record.adopt', () => store.get(key, { signal }));
    // Deleted between the two calls: our turn again.
    if (standing === null) continue;
    if (Buffer.compare(standing, bytes) === 0) return { record: value, created: true };
    return { record: decodeRecord(key, standing, schema), created: false };
  }
}

/** All objects under a prefix. */
export async function listAll(
  store: ObjectStore,
  prefix: string,
  options?: CallOptions & { readonly startAfter?: string },
): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of store.list(prefix, options)) found.push(info);
  return found;
}

function unfit(key: string, error: z.ZodError, which: string): DataError {
  const problems = error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.map(String).join('.') || '(record)'}: ${issue.message}`);
  return new DataError(
    `Expected the record ${key} ${which} to have the fields of its format, found ${problems.join('; ')}; the record is damaged or another program's: restore it, or delete it and \`assay resume\`.`,
    { key, problems },
  );
}
