// Rows of a query as a table for people. The first rows set the widths of the columns, the rest is written as it comes: a later cell
// that is wider moves its line. In a pipe no cell is ever cut; on a terminal a line is cut to fit.
import { exactJson, NumberLiteral } from '../../core/text/exact-json.js';
import { exactDuckValue } from '../../reading/sql/exact-values.js';
import type { RowFormat } from '../../reading/sql/formats/format.js';
import { rowsOf } from '../../reading/sql/select.js';
import { oneLine } from '../terminal/printable.js';
import { cutTo, displayWidth, padTo } from '../terminal/width.js';
import { counted } from './quantities.js';

/** Rows and characters that set the widths, whichever comes first. */
const SAMPLE_ROWS = 1000;
const SAMPLE_CHARACTERS = 2_000_000;
const GAP = '  ';
/** A column of a terminal keeps at least so much. */
const LEAST = 6;

interface Cell {
  readonly text: string;
  readonly number: boolean;
}

/** @param columns of a terminal; Infinity in a pipe */
export function createTableFormat(columns: number): RowFormat {
  const layout = new StreamedTable(columns);
  return {
    begin: (answer) => layout.begin(answer.columns.map(({ name }) => oneLine(name))),
    rows: function* (chunk) {
      for (const row of rowsOf(chunk)) yield* layout.add(row.map((value) => cellOf(exactDuckValue(value))));
    },
    end: () => layout.end(),
  };
}

class StreamedTable {
  readonly #columns: number;
  #titles: readonly string[] = [];
  #sample: Cell[][] | null = [];
  #characters = 0;
  #widths: readonly number[] = [];
  #right: readonly boolean[] = [];
  #rows = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  begin(titles: readonly string[]): string[] {
    this.#titles = titles;
    return [];
  }

  add(row: Cell[]): string[] {
    this.#rows++;
    if (this.#sample === null) return [this.#line(row)];
    this.#sample.push(row);
    this.#characters += row.reduce((sum, { text }) => sum + text.length, 0);
    const enough = this.#sample.length >= SAMPLE_ROWS || this.#characters >= SAMPLE_CHARACTERS;
    return enough ? this.#settle(this.#sample) : [];
  }

  end(): string[] {
    return [...(this.#sample === null ? [] : this.#settle(this.#sample)), `(${counted(this.#rows, 'row')})\n`];
  }

  /** Sets the widths by the rows so far, and gives these with the heading. */
  #settle(sample: readonly Cell[][]): string[] {
    this.#sample = null;
    this.#right = this.#titles.map((_, c) => sample.every((row) => row[c]?.number ?? true));
    const natural = this.#titles.map((title, c) =>
      sample.reduce((most, row) => Math.max(most, displayWidth(row[c]?.text ?? '')), displayWidth(title)),
    );
    this.#widths = fitted(natural, this.#columns);
    return [this.#titles.map((text) => ({ text, number: false })), ...sample].map((row) => this.#line(row));
  }

  #line(row: readonly Cell[]): string {
    const piped = this.#columns === Infinity;
    const cells = row.map(({ text }, c) => {
      const width = this.#widths[c] ?? 0;
      return padTo(piped ? text : cutTo(text, width), width, this.#right[c] ?? false);
    });
    return `${cells.join(GAP).trimEnd()}\n`;
  }
}

/** What is too much is taken from the widest columns. */
function fitted(natural: readonly number[], columns: number): number[] {
  const widths = [...natural];
  const gaps = GAP.length * Math.max(0, widths.length - 1);
  for (let over = widths.reduce((a, b) => a + b, gaps) - columns; over > 0; over--) {
    const at = widths.indexOf(Math.max(...widths));
    if ((widths[at] ?? 0) <= LEAST) break;
    widths[at] = (widths[at] ?? 0) - 1;
  }
  return widths;
}

function cellOf(value: unknown): Cell {
  const number = typeof value === 'number' || value instanceof NumberLiteral || value === null;
  const text = typeof value === 'string' ? value : exactJson(value);
  return { text: oneLine(text), number };
}
