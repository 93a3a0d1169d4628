// How the rows of a query look to a person. Pure.
import type { z } from 'zod';
import type { sqlDocument } from '../../schemas/documents/features.js';
import { oneLine } from '../terminal/printable.js';
import type { Text } from '../terminal/text.js';
import { textTable } from '../terminal/table.js';

const MOST_CHARACTERS = 80;

/** A table with long values cut; --json has them whole. */
export function sqlText({ columns, rows }: z.infer<typeof sqlDocument>): Text {
  const right = columns.map((_, c) => rows.every((row) => typeof row[c] === 'number' || row[c] === null));
  const heads = columns.map(({ name }, c) => ({ title: name, right: right[c] ?? false }));
  const count = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`;
  return [
    textTable(
      heads,
      rows.map((row) => row.map(cellText)),
    ),
    `(${count})`,
  ];
}

function cellText(value: unknown): string {
  const text = value === null ? 'null' : typeof value === 'string' ? value : JSON.stringify(value);
  const line = oneLine(text);
  return line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS - 1)}…` : line;
}
