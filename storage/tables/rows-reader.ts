// Reads whole files (at most one object each) of a table, by its row, into typed arrays, with apache-arrow. Makes no row
// objects; text columns become strings. Single record batches: storage/tables/decode.ts.
import { readFile } from 'node:fs/promises';
import type { RecordBatch, Schema } from 'apache-arrow';
import { FORMAT_VERSION } from '../../schemas/stored.js';
import { DataError } from '../../schemas/errors.js';
import { arrow, initArrow } from '../arrow/library.js';
import { emptyColumn, fromRecordBatch } from './arrow-read.js';
import { joinColumn, type ColumnData } from './column-data.js';
import type { Columns, MembersOf } from './columns.js';
import { aligned } from './decode.js';
import { notAFile, optionsOf, readSchema } from './file-schema.js';
import type { Layout } from './layouts.js';
import { unpackColumns } from './pack.js';

/** A file's columns with what its schema says. */
export interface ReadRows<C extends Columns> {
  readonly metadata: ReadonlyMap<string, string>;
  readonly rows: number;
  readonly columns: MembersOf<C>;
}

/**
 * The columns and metadata of a whole file.
 * @param file path or bytes
 * @throws DataError where the file is damaged, of another table or of a newer format version
 */
export async function readRows<C extends Columns>(layout: Layout<C>, file: string | Uint8Array): Promise<ReadRows<C>> {
  await initArrow();
  const where = typeof file === 'string' ? file : `${file.length} bytes`;
  const bytes = aligned(typeof file === 'string' ? await readFile(file) : file);
  const { batches, schema } = openFile(bytes, where);
  checkMetadata(layout, schema.metadata, where);
  const options = optionsOf(layout, readSchema(bytes, where));
  const pieces = batches.map((batch) => fromRecordBatch(layout, batch));
  const data = layout.columns.map((spec, c) =>
    pieces.length === 0 ? emptyColumn(spec, options) : joinColumn(pieces.map((piece) => piece[c] as ColumnData)),
  );
  return {
    metadata: schema.metadata,
    rows: batches.reduce((sum, batch) => sum + batch.numRows, 0),
    columns: unpackColumns(layout, data),
  };
}

function openFile(bytes: Uint8Array, where: string): { batches: RecordBatch[]; schema: Schema } {
  try {
    const reader = arrow.RecordBatchReader.from(bytes).open();
    // The reader forgets its schema once it has been read to the end.
    const { schema } = reader;
    // Of a file without rows it makes up a batch without columns.
    return { batches: [...reader].filter((batch) => batch.numRows > 0), schema };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw notAFile(where, error);
  }
}

function checkMetadata({ name }: Layout, metadata: ReadonlyMap<string, string>, where: string): void {
  const found = metadata.get('table');
  if (found !== name) {
    throw new DataError(
      `Expected a file of table "${name}", ${where} holds "${String(found)}"; give a file of that table.`,
      { file: where, expected: name, got: found },
    );
  }
  const version = Number(metadata.get('formatVersion'));
  if (version > FORMAT_VERSION) {
    throw new DataError(
      `Expected format version ${FORMAT_VERSION} or older, ${where} has ${version}; read it with a newer release.`,
      { file: where, version },
    );
  }
}
