// Rows as CSV (RFC 4180, lines end in a line feed): values by the rule of core/text/exact-json.ts, so that no digit is lost; lists and
// structs as JSON; null is an empty field, an empty text `""`.
import { exactJson, NumberLiteral } from '../../../core/text/exact-json.js';
import { exactDuckValue } from '../exact-values.js';
import { rowsOf } from '../select.js';
import type { RowFormat } from './format.js';

export const csvFormat: RowFormat = {
  begin: ({ columns }) => [line(columns.map(({ name }) => quotedField(name)))],
  rows: function* (chunk) {
    for (const row of rowsOf(chunk)) yield line(row.map((value) => field(exactDuckValue(value))));
  },
  end: () => [],
};

function line(fields: readonly string[]): string {
  return `${fields.join(',')}\n`;
}

function field(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return quotedField(value);
  if (value instanceof NumberLiteral) return value.text;
  return quotedField(exactJson(value));
}

/** In quotes where a reader would take it for something else. */
function quotedField(text: string): string {
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
