// What is wrong with a query, in DuckDB's words but for its advice: that names its own catalogue, and columns that were loaded; ours
// names the tables and columns of the store. Pure.
import { nearestNames } from '../../core/text/nearest-names.js';
import { InputError } from '../../schemas/errors.js';
import { LAYOUTS, TABLE_NAMES } from '../../storage/tables/layouts.js';
import type { TableSource } from './load-table.js';
import { placeName, sameName } from './resolve-tables.js';

export interface KnownTables {
  /** Every table that the query may name. */
  readonly tables: readonly TableSource[];
  /** Those that it names. */
  readonly used: readonly TableSource[];
}

const QUERYABLE = TABLE_NAMES.filter((name) => LAYOUTS[name].sql !== null);

/** The error of a query that is wrong. */
export function queryError(message: string, known: KnownTables): InputError {
  const list = known.tables.map((source) => `${placeName(source)} (${columnsOf(source).join(', ')})`);
  const own = message.replace(/\n(Did you mean|Candidate (bindings|tables)) ?:?.*/g, '');
  const [head = '', ...rest] = own.split('\n');
  const advice = adviceFor(message, known);
  const text = [advice === null ? head : `${head} ${advice}`, ...rest].join('\n');
  const there = list.length === 0 ? '' : `\nTables: ${list.join('; ')}.`;
  return new InputError(`The query is wrong: ${text}${there}`, { tables: list });
}

function adviceFor(message: string, { tables, used }: KnownTables): string | null {
  const table = /Table with name "?(.+?)"? does not exist/.exec(message)?.[1];
  if (table !== undefined) return tableAdvice(table, tables);
  const column = (/Referenced column "(.+?)" not found/.exec(message) ??
    /does not have a column named "(.+?)"/.exec(message) ??
    /Column "(.+?)" in .* list not found/.exec(message))?.[1];
  if (column !== undefined) return meant([...new Set(used.flatMap(columnsOf))], column);
  const alias = /Referenced table "(.+?)" not found/.exec(message)?.[1];
  const candidates = /Candidate tables: (.*)/.exec(message)?.[1];
  return alias === undefined || candidates === undefined ? null : `The query has ${candidates}.`;
}

/** @param spelt `features`, or with its schema */
function tableAdvice(spelt: string, tables: readonly TableSource[]): string {
  const name = spelt.slice(spelt.lastIndexOf('.') + 1);
  const exact = QUERYABLE.find((one) => sameName(one, name));
  const near = exact ?? nearestNames(name, QUERYABLE, 1)[0];
  if (near === undefined) return `There are ${QUERYABLE.join(', ')}.`;
  const places = tables.filter(({ table }) => table === near).map(placeName);
  if (places.length > 0) return `Did you mean ${places.join(' or ')}?`;
  const none = `${near === exact ? 'The runs that the query names have' : `Did you mean ${near}? The runs that the query names have`} no such table yet`;
  return `${none}; \`assay datasets\` lists what there is.`;
}

function meant(known: readonly string[], name: string): string | null {
  const near = nearestNames(name, known, 1)[0];
  return near === undefined ? null : `Did you mean "${near}"?`;
}

function columnsOf({ table }: TableSource): string[] {
  return LAYOUTS[table].columns.map(({ name }) => name);
}
