// Finds which tables and columns a query names, in DuckDB's own syntax tree of it (json_serialize_sql). Pure. Prefers to
// name too much: a column that is loaded in vain costs time, one that is missing costs the answer.

/** A table as the query spells it; `catalog` and `schema` are '' where it is not qualified. */
export interface TableReference {
  readonly catalog: string;
  readonly schema: string;
  readonly name: string;
}

export interface QueryNames {
  readonly tables: readonly TableReference[];
  /** Every word of the query that could be a column, in small letters: names of SQL have no case. */
  readonly words: ReadonlySet<string>;
  /** The query asks for whole rows (`*`, SUMMARIZE, a natural join, a table's name as a value): all columns are needed. */
  readonly wholeRows: boolean;
}

/** The tables and words of a serialised query. */
export function queryNames(tree: unknown): QueryNames {
  const tables = new Map<string, TableReference>();
  const words = new Set<string>();
  const rowNames = new Set<string>();
  const single = new Set<string>();
  const whole = new Set<unknown>();
  visit(tree, (node) => {
    const type = node['type'];
    if (type === 'BASE_TABLE') {
      const [catalog, schema, name] = [node['catalog_name'], node['schema_name'], node['table_name']].map(textOf);
      const reference = { catalog: catalog ?? '', schema: schema ?? '', name: name ?? '' };
      tables.set(JSON.stringify(reference), reference);
      rowNames.add(reference.name.toLowerCase()).add(textOf(node['alias']).toLowerCase());
    }
    if (type === 'STAR' || type === 'SHOW_REF' || node['ref_type'] === 'NATURAL') whole.add(type);
    const path = node['column_names'];
    if (type === 'COLUMN_REF' && Array.isArray(path) && path.length === 1) single.add(textOf(path[0]).toLowerCase());
    for (const value of Object.values(node)) {
      for (const word of Array.isArray(value) ? value : [value])
        if (typeof word === 'string') words.add(word.toLowerCase());
    }
  });
  return {
    tables: [...tables.values()],
    words,
    wholeRows: whole.size > 0 || [...single].some((name) => rowNames.has(name.toLowerCase())),
  };
}

type Node = Readonly<Record<string, unknown>>;

function visit(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, see);
  else if (typeof value === 'object' && value !== null) {
    see(value as Node);
    for (const child of Object.values(value)) visit(child, see);
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
