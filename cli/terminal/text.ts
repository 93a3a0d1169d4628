// Text for people, and how it becomes the characters that a terminal or a pipe gets. The one place where it is escaped, wrapped to
// the terminal's width and coloured; what renders results builds texts of these parts and knows no widths and no escapes. Pure.
import { printable, oneLine } from './printable.js';
import { tableLines, type TextTable } from './table.js';
import { chopped, displayWidth, wrapWords } from './width.js';

/** A piece of a line; `strength` from 0 (not marked) to 1 (strongest). */
export interface Piece {
  readonly text: string;
  readonly strength: number;
}

/** One line with marked pieces: coloured on a terminal, in «guillemets» otherwise. */
export interface MarkedLine {
  readonly indent: number;
  readonly pieces: readonly Piece[];
}

export type Block = string | TextTable | MarkedLine;
/** Lines; each block begins on a line of its own. */
export type Text = string | readonly Block[];

export interface Surface {
  /** Columns of a line; Infinity where nothing is wrapped, as in a pipe. */
  readonly columns: number;
  readonly colour: boolean;
}

/** Lines of the screen that a line takes: a name that is longer than the terminal is wide goes on below. */
export function screenLines(line: string, columns: number): number {
  return Math.max(1, Math.ceil(displayWidth(line) / columns));
}

/** The text as it is written; it ends in a line feed unless it is empty. */
export function layoutText(text: Text, surface: Surface): string {
  const blocks = typeof text === 'string' ? [text] : text;
  const lines = blocks.flatMap((block) => blockLines(block, surface));
  const whole = lines.join('\n');
  return whole === '' || whole.endsWith('\n') ? whole : `${whole}\n`;
}

function blockLines(block: Block, surface: Surface): string[] {
  if (typeof block === 'string')
    return printable(block)
      .split('\n')
      .flatMap((line) => wrapLine(line, surface.columns));
  return 'rows' in block ? tableLines(block, surface.columns) : markedLines(block, surface);
}

/** Lines below the first keep the indent of the first. */
function wrapLine(line: string, columns: number): string[] {
  if (displayWidth(line) <= columns) return [line];
  const indent = /^ */.exec(line)?.[0] ?? '';
  const room = Math.max(20, columns - indent.length);
  return wrapWords(line.slice(indent.length), room, 'whole').map((part) => indent + part);
}

const ESCAPE = '\u001b[';
const RESET = `${ESCAPE}0m`;
/** From faint to strong. */
const STYLES = ['4', '43;30', '41;97'] as const;

/** Broken at spaces, and inside a word only where it is longer than a line. */
function markedLines({ indent, pieces }: MarkedLine, { columns, colour }: Surface): string[] {
  const room = Math.max(LEAST_ROOM, columns - indent);
  const shown = pieces.flatMap((piece) => shownPieces(piece, colour));
  const lines: Piece[][] = [[]];
  let width = 0;
  const put = (word: readonly Piece[]): void => {
    const own = word.reduce((sum, { text }) => sum + displayWidth(text), 0);
    if (own > room && word.length > 1) {
      for (const piece of word) put([piece]);
      return;
    }
    const fits = width + own <= room || width === 0;
    if (!fits) lines.push([]);
    lines.at(-1)?.push(...(fits ? word : trimmed(word)));
    width = fits ? width + own : own;
  };
  for (const word of wordsOf(shown)) put(word);
  return lines.map((line) => ' '.repeat(indent) + line.map((piece) => styled(piece, colour)).join(''));
}

const LEAST_ROOM = 20;

function shownPieces({ text, strength }: Piece, colour: boolean): Piece[] {
  const line = oneLine(text);
  if (strength > 0) return [{ text: colour ? line : `«${line}»`, strength }];
  return line.split(/(?= )/).flatMap((word) => chopped(word, LEAST_ROOM).map((part) => ({ text: part, strength })));
}

/** Pieces up to the next one that begins with a space. */
function wordsOf(pieces: readonly Piece[]): Piece[][] {
  const words: Piece[][] = [];
  for (const piece of pieces) {
    if (/^«? /.test(piece.text) || words.length === 0) words.push([piece]);
    else words.at(-1)?.push(piece);
  }
  return words;
}

function trimmed([first, ...rest]: readonly Piece[]): Piece[] {
  if (first === undefined) return [];
  return [{ ...first, text: first.text.replace(/^(«?) +/, '$1') }, ...rest];
}

function styled({ text, strength }: Piece, colour: boolean): string {
  return strength > 0 && colour && text !== '' ? `${ESCAPE}${styleOf(strength)}m${text}${RESET}` : text;
}

function styleOf(strength: number): string {
  return STYLES[Math.min(STYLES.length - 1, Math.floor(strength * STYLES.length))] ?? STYLES[0];
}
