// What commands print. With --json exactly one document on stdout; otherwise text for people; logs always on stderr.
import type { z } from 'zod';
import { exactJson } from '../core/text/exact-json.js';
import type { Io } from './io.js';

export interface Output {
  /** The command's result: with --json the document (checked against its schema), else the text. */
  result<Schema extends z.ZodType>(schema: Schema, document: z.input<Schema>, text: () => string): void;
  /** A line for people on stderr. */
  note(text: string): void;
  /** A line that is replaced by the next one; only where stderr is a terminal. `null` ends it. */
  progress(text: string | null): void;
  /** Whether results may use colours. */
  readonly colour: boolean;
  readonly columns: number;
  readonly json: boolean;
}

/** An output over the streams of `io`. */
export function createOutput(io: Io, options: { readonly json: boolean; readonly colour: boolean }): Output {
  const { stdout, stderr } = io;
  let line = '';
  const clear = (): void => {
    if (line !== '') stderr.write(`\r${' '.repeat(line.length)}\r`);
    line = '';
  };
  return {
    json: options.json,
    colour: options.colour && stdout.isTTY,
    columns: stdout.columns,
    result: (schema, document, text) => {
      clear();
      if (options.json) stdout.write(`${jsonText(schema.parse(document), stdout.isTTY)}\n`);
      else stdout.write(ending(text()));
    },
    note: (text) => {
      clear();
      stderr.write(ending(text));
    },
    progress: (text) => {
      if (!stderr.isTTY) return;
      clear();
      if (text === null) return;
      line = text.slice(0, Math.max(10, stderr.columns - 1));
      stderr.write(line);
    },
  };
}

function jsonText(document: unknown, indent: boolean): string {
  return exactJson(document, indent ? 2 : 0);
}

function ending(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
