// Where everything that commands print leaves the process: text for people is escaped, wrapped and coloured here and nowhere else,
// documents and data go as they are, as fast as they are taken.
import { printable, printableJson } from './printable.js';
import { liveLineText, type LiveLine } from './live-line.js';
import { layoutText, type Text } from './text.js';
import { displayWidth } from './width.js';

/** What a sink writes to: a stream of the process, or a string of a test. */
export interface SinkTarget {
  write(raw: string | Uint8Array): void;
  /** Resolves when more can be written; false where nobody reads any more. @throws ResourceError where writing fails */
  drained(): Promise<boolean>;
  readonly isTTY: boolean;
  /** Of a terminal. */
  readonly columns: number | undefined;
  readonly rows: number | undefined;
}

export interface SinkSettings {
  readonly colour: boolean;
  /** A terminal that cannot move its cursor (TERM=dumb). */
  readonly dumb: boolean;
}

export interface TextSink {
  /** Text for people. Lines of a terminal are wrapped at words; in a pipe nothing is wrapped, cut or coloured. */
  write(text: Text): void;
  /** A JSON document in one piece; on a terminal what would steer it stands as `\u` escapes. */
  writeDocument(json: string): void;
  /** Data, as it is taken: false where nobody reads any more. Text on a terminal cannot steer it. */
  send(data: string | Uint8Array): Promise<boolean>;
  /** A line that the next one replaces; null ends it. Nothing where the sink is not `live`. */
  showLine(line: string | LiveLine | null): void;
  /** Erases that many lines above the cursor, and goes to the first of them. Only where `live`. */
  eraseLines(count: number): void;
  /** Whether a person looks at it. */
  readonly isTTY: boolean;
  /** Whether lines can be replaced. */
  readonly live: boolean;
  /** Columns of a line; Infinity in a pipe. */
  readonly columns: number;
  /** Lines of the terminal; Infinity in a pipe. */
  readonly rows: number;
}

/** Of a terminal that does not say. */
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const LEAST_COLUMNS = 10;

export function createSink(target: SinkTarget, { colour, dumb }: SinkSettings): TextSink {
  const surface = (): { columns: number; colour: boolean } => ({
    columns: target.isTTY ? target.columns || DEFAULT_COLUMNS : Infinity,
    colour: colour && target.isTTY && !dumb,
  });
  const live = target.isTTY && !dumb;
  let shown = '';
  const safe = (data: string | Uint8Array): string | Uint8Array =>
    target.isTTY && typeof data === 'string' ? printable(data) : data;
  return {
    write: (text) => {
      target.write(layoutText(text, surface()));
    },
    writeDocument: (json) => {
      target.write(target.isTTY ? printableJson(json) : json);
    },
    send: (data) => {
      target.write(safe(data));
      return target.drained();
    },
    showLine: (line) => {
      if (shown !== '') target.write(`\r${' '.repeat(displayWidth(shown))}\r`);
      shown = line === null || !live ? '' : liveLineText(line, Math.max(LEAST_COLUMNS, surface().columns - 1));
      if (shown !== '') target.write(shown);
    },
    eraseLines: (count) => {
      target.write(`\r${count > 0 ? `\u001b[${count}A` : ''}\u001b[J`);
    },
    isTTY: target.isTTY,
    live,
    get columns() {
      return surface().columns;
    },
    get rows() {
      return target.isTTY ? target.rows || DEFAULT_ROWS : Infinity;
    },
  };
}
