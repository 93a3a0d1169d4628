// Parquet rows as records, one row group in memory at a time. `line` is the row, counted from 1.
import { isUtf8 } from 'node:buffer';
import { parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { withoutQuotations } from '../../core/text/outgoing.js';
import { AssayError, DataError } from '../../schemas/errors.js';
import { isMachineFault } from '../../schemas/system-errors.js';
import type { RawRecord } from './raw-record.js';
import type { StoredBytes } from './stored-bytes.js';

const BATCH_ROWS = 4096;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
/** Byte columns are text; bytes that are not UTF-8 become an object, which is no text. */
const parsers = {
  stringFromBytes: (bytes: Uint8Array): unknown =>
    isUtf8(bytes) ? decoder.decode(bytes) : { invalidUtf8: Buffer.from(bytes).toString('base64') },
};

/**
 * Records of a Parquet file.
 * @param name of the file for messages
 * @throws DataError where it is damaged
 */
export async function* readParquet(bytes: StoredBytes, name: string): AsyncGenerator<RawRecord[], void, undefined> {
  const file = asyncBuffer(bytes);
  const metadata = await readMetadata(bytes, name);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    let rows: Record<string, unknown>[] = [];
    const onComplete = (read: Record<string, unknown>[]): void => {
      rows = read;
    };
    const where = { file, metadata, compressors, parsers, rowStart, rowEnd };
    await parquetRead({ ...where, rowFormat: 'object', onComplete }).catch((error: unknown) => {
      throw damaged(name, error);
    });
    for (let at = 0; at < rows.length; at += BATCH_ROWS) {
      const first = rowStart + at + 1;
      yield rows.slice(at, at + BATCH_ROWS).map((row, i) => ({ line: first + i, fields: plainFields(row) }));
    }
    rowStart = rowEnd;
  }
}

/** Names of a Parquet file's columns and its number of rows. @throws DataError where its end cannot be read */
export async function readParquetShape(
  bytes: StoredBytes,
  name: string,
): Promise<{ readonly columns: readonly string[]; readonly rows: number }> {
  const metadata = await readMetadata(bytes, name);
  const columns = parquetSchema(metadata).children.map((child) => child.element.name);
  return { columns, rows: Number(metadata.num_rows) };
}

function asyncBuffer(bytes: StoredBytes): AsyncBuffer {
  return { byteLength: bytes.size, slice: (start, end) => bytes.slice(start, end) };
}

async function readMetadata(bytes: StoredBytes, name: string): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(asyncBuffer(bytes));
  } catch (error) {
    throw damaged(name, error);
  }
}

function plainFields(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

/** A value as JSON can hold it: 64-bit integers beyond 2^53 as text, dates in ISO 8601. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) {
    return Array.from(value as unknown as Iterable<unknown>, plain);
  }
  if (Array.isArray(value)) return value.map(plain);
  return plainFields(value as Record<string, unknown>);
}

function damaged(name: string, error: unknown): unknown {
  if (error instanceof AssayError || isMachineFault(error)) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  return new DataError(
    `Expected a Parquet file, ${name} cannot be read as one (${withoutQuotations(message)}); copy or write it again and start the run anew.`,
    { file: name, code },
    { cause: error },
  );
}
