// What commands print. With --json exactly one document on stdout; otherwise text for people; logs always on stderr.
import type { z } from 'zod';
import { exactJson } from '../core/text/exact-json.js';
import type { Io } from './io.js';
import { counted } from './render/quantities.js';
import type { LiveLine } from './terminal/live-line.js';
import { layoutText, screenLines, type Text } from './terminal/text.js';

export interface Output {
  /** The command's result: with --json the document (checked against its schema), else the text. */
  result<Schema extends z.ZodType>(schema: Schema, document: z.input<Schema>, text: () => Text): void;
  /** A look at something that changes: takes the place of the one before; in a pipe only what is new is written. Not with --json. */
  redraw(text: Text): void;
  /** A line for people on stderr. */
  note(text: Text): void;
  /** A line that is replaced by the next one; only where stderr is a terminal that can. `null` ends it. */
  progress(line: string | LiveLine | null): void;
  readonly json: boolean;
}

/** An output over the streams of `io`. */
export function createOutput(io: Io, { json }: { readonly json: boolean }): Output {
  const { stdout, stderr } = io;
  const looks = createLooks(io);
  const clear = (): void => {
    stderr.showLine(null);
  };
  return {
    json,
    result: (schema, document, text) => {
      clear();
      if (json) stdout.writeDocument(`${jsonText(schema.parse(document), stdout.isTTY)}\n`);
      else looks.last(text());
    },
    redraw: (text) => {
      clear();
      if (!json) looks.next(text);
    },
    note: (text) => {
      clear();
      stderr.write(text);
    },
    progress: (line) => {
      stderr.showLine(line);
    },
  };
}

/** Looks at something that changes, on stdout. */
function createLooks({ stdout }: Io): { next(text: Text): void; last(text: Text): void } {
  let drawn = 0;
  let before = '';
  const show = (text: Text, most: number): void => {
    const { columns } = stdout;
    const shown = layoutText(text, { columns, colour: false });
    if (drawn > 0) stdout.eraseLines(drawn);
    else if (shown === before) return;
    const lines = shown.split('\n').slice(0, -1);
    const fitting = fittingLines(lines, { most, columns });
    stdout.write(fitting.length < lines.length ? fitting.join('\n') : text);
    before = shown;
    drawn = stdout.live ? screenHeight(fitting, columns) : 0;
  };
  return {
    next: (text) => {
      show(text, stdout.rows - 1);
    },
    last: (text) => {
      if (before !== '') show(text, Infinity);
      else stdout.write(text);
    },
  };
}

/** As many lines as a screen has room for; a last one says how many there are more. */
function fittingLines(lines: readonly string[], { most, columns }: { most: number; columns: number }): string[] {
  if (screenHeight(lines, columns) <= most) return [...lines];
  let kept = lines.length;
  while (kept > 0 && screenHeight(lines.slice(0, kept), columns) > most - 1) kept--;
  return [...lines.slice(0, kept), `… ${counted(lines.length - kept, 'more line')}`];
}

function screenHeight(lines: readonly string[], columns: number): number {
  return lines.reduce((sum, line) => sum + screenLines(line, columns), 0);
}

function jsonText(document: unknown, indent: boolean): string {
  return exactJson(document, indent ? 2 : 0);
}
