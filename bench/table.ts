// Measured rows as text for a terminal.
import type { BenchRow } from './row.js';

/** The rows as lines of text, aligned. */
export function formatTable(rows: readonly BenchRow[]): string {
  const cells = rows.map((r) => [
    String(r.row),
    r.what,
    formatValue(r.value),
    r.must ?? '',
    r.met === null ? '' : r.met ? 'met' : 'MISSED',
    r.conditions,
  ]);
  const head = ['row', 'what', 'value', 'must', '', 'conditions'];
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((cell) => cell[i]?.length ?? 0)));
  return [head, ...cells]
    .map((cell) =>
      cell
        .map((text, i) => text.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function formatValue(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
