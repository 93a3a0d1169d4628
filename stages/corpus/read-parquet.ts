// Parquet rows as records, one row group in memory at a time. `line` is the row, counted from 1.
import { parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { AssayError, DataError } from '../../schemas/errors.js';
import { exactColumns, PARSERS } from './parquet-values.js';
import type { RawRecord } from './raw-record.js';
import type { StoredBytes } from './stored-bytes.js';

const BATCH_ROWS = 4096;

/**
 * Records of a Parquet file.
 * @param name of the file for messages
 * @throws DataError where it is damaged
 */
export async function* readParquet(bytes: StoredBytes, name: string): AsyncGenerator<RawRecord[], void, undefined> {
  const file = asyncBuffer(bytes);
  const { metadata, fieldsOf } = exactColumns(await readMetadata(bytes, name));
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    let rows: Record<string, unknown>[] = [];
    const onComplete = (read: Record<string, unknown>[]): void => {
      rows = read;
    };
    const where = { file, metadata, compressors, parsers: PARSERS, rowStart, rowEnd };
    await parquetRead({ ...where, rowFormat: 'object', onComplete }).catch((error: unknown) => {
      throw damaged(name, error);
    });
    for (let at = 0; at < rows.length; at += BATCH_ROWS) {
      const first = rowStart + at + 1;
      yield rows.slice(at, at + BATCH_ROWS).map((row, i) => ({ line: first + i, fields: fieldsOf(row) }));
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

function damaged(name: string, error: unknown): unknown {
  if (error instanceof AssayError) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  return new DataError(
    `Expected a Parquet file, ${name} cannot be read as one (${message}); copy or write it again and start the run anew.`,
    { file: name, code },
    { cause: error },
  );
}
