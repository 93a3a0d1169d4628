// Plain-text tables: a heading, columns padded to their widest cell, numbers to the right. Where a line is too long for the terminal,
// columns that can be spared go first, then the widest wrap at words. Pure.
import { oneLine } from './printable.js';
import { displayWidth, longestWord, padTo, wrapWords } from './width.js';

export interface TextColumn {
  readonly title: string;
  readonly right?: boolean;
  /**
   * Holds names that one copies: they are never broken inside where there is room for them, nor in the last column, whose names the
   * terminal shows over several lines.
   */
  readonly whole?: boolean;
  /** May be left out where lines are too long; the highest number goes first. `--json` has it all. */
  readonly spare?: number;
}

/** One text, or several that are not broken inside where there is room for them. */
export type Cell = string | readonly string[];

export interface TextTable {
  readonly columns: readonly TextColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

const GAP = 2;
/** A column that wraps keeps at least so much. */
const LEAST = 8;

/** A table to be laid out where it is printed; an empty text for no rows would mislead, so the heading stands alone then. */
export function textTable(columns: readonly TextColumn[], rows: readonly (readonly Cell[])[]): TextTable {
  return { columns, rows };
}

/** The table's lines, at most `width` wide where that can be. @param width Infinity: nothing is wrapped or left out */
export function tableLines(table: TextTable, width: number): string[] {
  const { columns, rows } = spared(escapedCells(table), width);
  const all = [columns.map(({ title }) => title), ...rows];
  const natural = columns.map((_, c) => widest(all, c, cellWidth));
  const words = columns.map((_, c) => widest(all, c, cellWord));
  const widths = fittedWhole(natural, { columns, words, width });
  return all.flatMap((row) => rowLines(row, columns, widths));
}

function escapedCells({ columns, rows }: TextTable): TextTable {
  const escape = (cell: Cell): Cell => (typeof cell === 'string' ? oneLine(cell) : cell.map(oneLine));
  return {
    columns: columns.map((column) => ({ ...column, title: oneLine(column.title) })),
    rows: rows.map((row) => row.map(escape)),
  };
}

/** The table without the columns for which there is no room. */
function spared(table: TextTable, width: number): TextTable {
  const { columns, rows } = table;
  const widths = columns.map((column, c) => Math.max(displayWidth(column.title), widest(rows, c, cellWidth)));
  const spare = columns.map((column) => column.spare ?? 0);
  const most = Math.max(0, ...spare);
  if (most === 0 || lineWidth(widths) <= width) return table;
  const at = spare.indexOf(most);
  const without = <T>(list: readonly T[]): T[] => list.filter((_, c) => c !== at);
  return spared({ columns: without(columns), rows: rows.map(without) }, width);
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * Math.max(0, widths.length - 1));
}

interface Room {
  readonly columns: readonly TextColumn[];
  /** The longest word of each column. */
  readonly words: readonly number[];
  readonly width: number;
}

/** Widths at which names stay whole, else widths that fit. */
function fittedWhole(natural: readonly number[], { columns, words, width }: Room): number[] {
  const floors = columns.map(({ whole }, c) => (whole ? (words[c] ?? 0) : 0));
  const widths = fitted(natural, { columns, floors, width });
  const fits = lineWidth(widths) <= width || columns.at(-1)?.whole === true;
  return fits ? widths : fitted(widths, { columns, floors: [], width });
}

interface Fit {
  readonly columns: readonly TextColumn[];
  /** No column becomes narrower than this. */
  readonly floors: readonly number[];
  readonly width: number;
}

/** What is too much is taken from the widest columns of text. */
function fitted(natural: readonly number[], { columns, floors, width }: Fit): number[] {
  const widths = [...natural];
  for (let over = lineWidth(widths) - width; over > 0; over--) {
    const least = (c: number): number => Math.max(LEAST, floors[c] ?? 0);
    const narrower = widths.map((own, c) => (columns[c]?.right || own <= least(c) ? 0 : own));
    const at = narrower.indexOf(Math.max(...narrower));
    if ((narrower[at] ?? 0) === 0) break;
    widths[at] = (widths[at] ?? 0) - 1;
  }
  return widths;
}

function rowLines(row: readonly Cell[], columns: readonly TextColumn[], widths: readonly number[]): string[] {
  const cells = columns.map((_, c) => wrapCell(row[c] ?? '', widths[c] ?? 0));
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    columns
      .map((column, c) => padTo(cells[c]?.[line] ?? '', widths[c] ?? 0, column.right ?? false))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

/** Of any number of rows: as arguments of a call they would end with the stack. */
function widest(rows: readonly (readonly Cell[])[], column: number, measure: (cell: Cell) => number): number {
  return rows.reduce((most, row) => Math.max(most, measure(row[column] ?? '')), 0);
}

const BETWEEN = '  ';

function cellWidth(cell: Cell): number {
  return typeof cell === 'string' ? displayWidth(cell) : displayWidth(cell.join(BETWEEN));
}

function cellWord(cell: Cell): number {
  return (typeof cell === 'string' ? [cell] : cell).reduce((most, unit) => Math.max(most, longestWord(unit)), 0);
}

function wrapCell(cell: Cell, width: number): string[] {
  if (typeof cell === 'string') return wrapWords(cell, width);
  const lines: string[] = [];
  for (const unit of cell) {
    const longer = lines.length === 0 ? unit : `${lines.at(-1) ?? ''}${BETWEEN}${unit}`;
    if (displayWidth(longer) <= width && lines.length > 0) lines[lines.length - 1] = longer;
    else lines.push(...wrapWords(unit, width));
  }
  return lines.length === 0 ? [''] : lines;
}
