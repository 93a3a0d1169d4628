// Which stored tables a query's names mean: `postings` and `dict.postings` of the run that is meant, `run.dict.postings` and
// `run.documents` of any; letters' case does not count, as in SQL. Pure.
import { InputError } from '../../schemas/errors.js';
import type { TableSource } from './load-table.js';
import type { TableReference } from './query-names.js';
import { quoted } from './quoted.js';

/** Schema of the tables that belong to no dictionary. */
export const MAIN_SCHEMA = 'main';

/** Where a table stands in the database; `run` undefined: in the database of the connection. */
export interface Place {
  readonly run?: string | undefined;
  readonly schema: string;
  readonly table: string;
}

export interface Resolved {
  readonly source: TableSource;
  /** Where the query looks for it, other than where it is loaded. */
  readonly views: readonly Place[];
}

/**
 * The sources that a query's tables mean, each once.
 * @param meant the run that unqualified names mean: its sources are without `run`
 * @throws InputError where a name means several
 */
export function resolveTables(
  references: readonly TableReference[],
  tables: readonly TableSource[],
  meant: string | null = null,
): Resolved[] {
  const found = new Map<TableSource, Map<string, Place>>();
  for (const reference of references) {
    const source = sourceOf(reference, tables, meant);
    if (source === null) continue;
    const views = found.get(source) ?? new Map<string, Place>();
    found.set(source, views);
    const place = placeOf(reference, source, meant);
    if (placeName(place) !== placeName(source)) views.set(placeName(place), place);
  }
  return [...found].map(([source, views]) => ({ source, views: [...views.values()] }));
}

/** A place as SQL spells it. */
export function placeName({ run, schema, table }: Place): string {
  if (run !== undefined) return `${quoted(run)}.${quoted(schema)}.${quoted(table)}`;
  return schema === MAIN_SCHEMA ? quoted(table) : `${quoted(schema)}.${quoted(table)}`;
}

export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function sourceOf(reference: TableReference, tables: readonly TableSource[], meant: string | null): TableSource | null {
  const { catalog, schema } = reference;
  const named = tables.filter((source) => sameName(source.table, reference.name));
  const runOf = (source: TableSource): string => source.run ?? meant ?? '';
  if (catalog !== '')
    return one(
      reference,
      named.filter((source) => sameName(runOf(source), catalog) && sameName(source.schema, schema)),
    );
  const own = named.filter((source) => source.run === undefined);
  if (schema === '') return one(reference, own);
  const ofDictionary = own.filter((source) => sameName(source.schema, schema));
  const ofRun = named.filter((source) => sameName(runOf(source), schema));
  return one(reference, [...new Set([...ofDictionary, ...ofRun])]);
}

function one({ schema: spelt, name }: TableReference, fitting: readonly TableSource[]): TableSource | null {
  const exact = fitting.filter(({ schema }) => schema === spelt);
  const candidates = exact.length > 0 ? exact : fitting;
  const main = candidates.filter(({ schema }) => schema === MAIN_SCHEMA);
  const [only = null, another] = main.length > 0 ? main : candidates;
  if (another === undefined) return only;
  const list = candidates.map(placeName).join(', ');
  throw new InputError(
    `Expected to know which dictionary's "${name}" is meant, got ${candidates.length} candidates: ${list}. Qualify the name, as in: from ${placeName(candidates[0] as TableSource)}`,
    { table: name, candidates: list },
  );
}

/** Where the query looks for a source. */
function placeOf({ catalog, schema }: TableReference, source: TableSource, meant: string | null): Place {
  const { table } = source;
  const run = source.run ?? meant ?? undefined;
  if (catalog !== '') return { run, schema: source.schema, table };
  if (schema === '') return { schema: MAIN_SCHEMA, table };
  if (source.run === undefined && sameName(source.schema, schema)) return { schema: source.schema, table };
  return { run, schema: MAIN_SCHEMA, table };
}
