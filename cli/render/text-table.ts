// Plain-text tables: a heading, columns padded to their widest cell, numbers to the right. Pure.

export interface TextColumn {
  readonly title: string;
  readonly right?: boolean;
}

/** The table's lines; an empty text for no rows would mislead, so the heading stands alone then. */
export function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, c) => Math.max(column.title.length, ...rows.map((row) => (row[c] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, c) =>
        column.right ? (cells[c] ?? '').padStart(widths[c] ?? 0) : (cells[c] ?? '').padEnd(widths[c] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...rows.map(line)].join('\n');
}
