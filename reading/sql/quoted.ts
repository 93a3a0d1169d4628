// Names as SQL takes them.

/** A name as DuckDB takes it, whatever characters it has. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
