// Rows as an Arrow IPC stream: DuckDB's types as Arrow's, with all their digits.
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { arrow } from '../../../storage/arrow/library.js';
import { ArrowStreamEncoder } from '../../../storage/arrow/stream-writer.js';
import type { ArrowColumn } from './arrow-column.js';
import { arrowColumn } from './arrow-columns.js';
import type { RowFormat } from './format.js';

export function createArrowFormat(): RowFormat {
  let columns: readonly ArrowColumn[] = [];
  let schema = new arrow.Schema([]);
  let encoder: ArrowStreamEncoder | null = null;
  return {
    begin: ({ columns: named, types }) => {
      columns = types.map(arrowColumn);
      schema = new arrow.Schema(
        named.map(({ name }, c) => new arrow.Field(name, (columns[c] as ArrowColumn).type, true)),
      );
      encoder = new ArrowStreamEncoder(schema);
      return encoder.begin();
    },
    rows: (chunk: DuckDBDataChunk) => {
      const children = columns.map((column, c) => {
        const vector = chunk.getColumnVector(c);
        return column.data(chunk.rowCount, (row) => vector.getItem(row));
      });
      const type = new arrow.Struct(schema.fields);
      const data = arrow.makeData({ type, length: chunk.rowCount, nullCount: 0, children });
      return encoder?.batch(new arrow.RecordBatch(schema, data)) ?? [];
    },
    end: () => encoder?.end() ?? [],
  };
}
