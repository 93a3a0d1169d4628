// The DuckDB database of one query: of its own, in memory, within a stated limit, and cut off from files and network before any
// word of the query reaches it. Also reads what the query names, in DuckDB's own syntax tree of it.
import os from 'node:os';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { InputError } from '../../schemas/errors.js';
import { queryNames, type QueryNames } from './query-names.js';

/** Tables take at most `maxBytes`; sorting, grouping and joining them takes as much again. */
const WORKING_SHARE = 2;
/** What a database takes for itself. */
const OWN_BYTES = 256 * 2 ** 20;
/** Share of the machine's memory that a query may take at most. */
const MEMORY_SHARE = 0.8;

/** Bytes that a query's database may take in all. */
export function memoryLimit(maxBytes: number): number {
  // What a container allows; 0 or more than there is where nothing limits it.
  const constrained = process.constrainedMemory();
  const total = constrained > 0 ? Math.min(constrained, os.totalmem()) : os.totalmem();
  return Math.floor(Math.min(OWN_BYTES + maxBytes * WORKING_SHARE, total * MEMORY_SHARE));
}

export interface Database {
  readonly connection: DuckDBConnection;
  readonly close: () => void;
}

/** An empty database that holds nothing on disk: what is larger than its limit ends the query. */
export async function openDatabase(options: {
  readonly threads: number;
  readonly maxBytes: number;
}): Promise<Database> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    memory_limit: `${memoryLimit(options.maxBytes)}B`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  // Else it would write what is too large into a folder `.tmp` of the current one.
  await connection.run("set temp_directory = ''");
  await connection.run('set enable_external_access = false');
  return {
    connection,
    close: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

interface Serialised {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly statements?: readonly unknown[];
}

/** What a query names. @throws InputError where it is not one SELECT (or WITH, FROM, SUMMARIZE) */
export async function parseQuery(connection: DuckDBConnection, sql: string): Promise<QueryNames> {
  const reader = await connection.runAndReadAll('select json_serialize_sql($1::varchar)', [sql]);
  const tree = JSON.parse(String(reader.value(0, 0))) as Serialised;
  if (tree.error) {
    const why = tree.error_type === 'parser' ? (tree.error_message ?? '') : 'it is another kind of statement';
    throw new InputError(
      `Expected one SELECT (or WITH, FROM, SUMMARIZE), got a query that cannot be read as one: ${why}. Correct it; datasets are read-only.`,
      { sql },
    );
  }
  if (tree.statements?.length !== 1) {
    throw new InputError(`Expected one SELECT, got ${tree.statements?.length ?? 0} statements; give one at a time.`, {
      sql,
    });
  }
  return queryNames(tree.statements);
}
