// Parquet rows as records, one row group in memory at a time. `line` is the row, counted from 1.
import { gunzipSync } from 'node:zlib';
import { parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { withoutQuotations } from '../../core/text/outgoing.js';
import { AssayError, DataError } from '../../schemas/errors.js';
import { isMachineFault } from '../../schemas/system-errors.js';
import { ZstdReader } from './compression/zstd-reader.js';
import { exactColumns, type ExactColumns } from './parquet-columns.js';
import { checkPages } from './parquet-pages.js';
import { PARSERS } from './parquet-values.js';
import { badJson } from './bad-json.js';
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
  const { metadata, fieldsOf } = exactColumns(await readMetadata(bytes, name), name);
  const codecs = checkedCodecs(name);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    let rows: Record<string, unknown>[] = [];
    const onComplete = (read: Record<string, unknown>[]): void => {
      rows = read;
    };
    const where = { file, metadata, compressors: codecs, parsers: PARSERS, rowStart, rowEnd };
    await checkPages(file, group)
      .then(() => parquetRead({ ...where, rowFormat: 'object', onComplete }))
      .catch((error: unknown) => {
        throw damaged(name, error);
      });
    for (let at = 0; at < rows.length; at += BATCH_ROWS) {
      const first = rowStart + at + 1;
      yield rows.slice(at, at + BATCH_ROWS).map((row, i) => recordOf(row, first + i, fieldsOf));
    }
    rowStart = rowEnd;
  }
}

export interface ParquetHead {
  readonly columns: readonly string[];
  /** The column that holds a field, by its name or the first part of its path; null where there is none. */
  readonly columnOf: (field: string) => string | null;
  readonly records: readonly RawRecord[];
}

/** The first rows of a Parquet file, of the columns that hold the wanted fields. @throws DataError where it cannot be read */
export async function readParquetHead(
  bytes: StoredBytes,
  name: string,
  { rows, wanted }: { readonly rows: number; readonly wanted?: readonly string[] },
): Promise<ParquetHead> {
  const { metadata, fieldsOf } = exactColumns(await readMetadata(bytes, name), name);
  const names = parquetSchema(metadata).children.map((child) => child.element.name);
  const columnOf = (field: string): string | null =>
    names.includes(field) ? field : (names.find((column) => field.startsWith(`${column}.`)) ?? null);
  const columns = wanted && [...new Set(wanted.map(columnOf).filter((column) => column !== null))];
  const rowEnd = Math.min(rows, Number(metadata.num_rows));
  let found: Record<string, unknown>[] = [];
  if (rowEnd > 0 && columns?.length !== 0) {
    const onComplete = (read: Record<string, unknown>[]): void => {
      found = read;
    };
    const where = { file: asyncBuffer(bytes), metadata, compressors: checkedCodecs(name), parsers: PARSERS, rowEnd };
    await parquetRead({ ...where, ...(columns && { columns }), rowFormat: 'object', onComplete }).catch(
      (error: unknown) => {
        throw damaged(name, error);
      },
    );
  }
  return { columns: names, columnOf, records: found.map((row, i) => recordOf(row, i + 1, fieldsOf)) };
}

/** A row as a record; a value of a column of JSON may be none. */
function recordOf(row: Readonly<Record<string, unknown>>, line: number, fieldsOf: ExactColumns['fieldsOf']): RawRecord {
  try {
    return { line, fields: fieldsOf(row) };
  } catch (error) {
    return { line, bad: badJson(error, 'JSON in a column of that type', 'a value that is none') };
  }
}

/** The library's codecs, with those that state a checksum of their content read by what compares it. */
function checkedCodecs(name: string): Compressors {
  const ZSTD = (page: Uint8Array): Uint8Array => {
    const reader = new ZstdReader(`a page of ${name}`);
    const content = [...reader.push(page)];
    reader.finish();
    return Buffer.concat(content);
  };
  return { ...compressors, ZSTD, GZIP: (page) => gunzipSync(page) };
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
  if (error instanceof AssayError || isMachineFault(error)) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  return new DataError(
    `Expected a Parquet file, ${name} cannot be read as one (${withoutQuotations(message)}); copy or write it again and start the run anew.`,
    { file: name, code },
    { cause: error },
  );
}
