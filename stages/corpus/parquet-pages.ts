// What the pages of a Parquet file state of themselves, held against their bytes before they are read: checksums, which the library
// passes over, and the number of values of a column, without which a column that ends early would lose the end of its rows.
import { crc32 } from 'node:zlib';
import type { AsyncBuffer, ColumnMetaData, RowGroup } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';

/** @throws RangeError where the pages of the group are not what is stated of them */
export async function checkPages(file: AsyncBuffer, group: RowGroup): Promise<void> {
  for (const { meta_data: column } of group.columns) if (column) await checkColumn(file, column);
}

async function checkColumn(file: AsyncBuffer, column: ColumnMetaData): Promise<void> {
  const { start, end } = rangeOf(column);
  const name = column.path_in_schema.join('.');
  const bytes = new Uint8Array(await file.slice(start, end));
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  let values = 0;
  while (reader.offset < bytes.length - 1) {
    const header = parquetHeader(reader);
    values += (header.data_page_header ?? header.data_page_header_v2)?.num_values ?? 0;
    const page = bytes.subarray(reader.offset, (reader.offset += header.compressed_page_size));
    if (header.crc !== undefined && crc32(page) !== header.crc >>> 0)
      throw new RangeError(`a page of the column ${name} does not have the checksum that is stated`);
  }
  if (values >= Number(column.num_values)) return;
  throw new RangeError(`the column ${name} holds ${values} of the ${column.num_values} values that are stated`);
}

function rangeOf({
  dictionary_page_offset: dictionary,
  data_page_offset: data,
  total_compressed_size: bytes,
}: ColumnMetaData): {
  readonly start: number;
  readonly end: number;
} {
  const start = Number(dictionary && dictionary < data ? dictionary : data);
  return { start, end: start + Number(bytes) };
}
