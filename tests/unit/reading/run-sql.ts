// The rows of one SELECT over given tables, all in memory.
import { exactDuckValue } from '../../../reading/sql/exact-values.js';
import type { TableSource } from '../../../reading/sql/load-table.js';
import { rowsOf, streamSql, type SqlOptions, type SqlStream } from '../../../reading/sql/select.js';

export interface SqlAnswer extends Pick<SqlStream, 'columns' | 'loaded' | 'cost'> {
  /** Values for `exactJson`. */
  readonly rows: readonly (readonly unknown[])[];
}

export interface RunSqlOptions extends Omit<SqlOptions, 'find'> {
  readonly tables: readonly TableSource[];
  /** The run of the tables without one. */
  readonly meant?: string;
}

export function runSql(sql: string, { tables, meant, ...options }: RunSqlOptions): Promise<SqlAnswer> {
  const find = (): ReturnType<SqlOptions['find']> => Promise.resolve({ tables, meant: meant ?? null });
  return streamSql(sql, { ...options, find }, async ({ columns, loaded, cost, chunks }) => {
    const rows: unknown[][] = [];
    for await (const chunk of chunks) for (const row of rowsOf(chunk)) rows.push(row.map(exactDuckValue));
    return { columns, loaded, cost, rows };
  });
}
