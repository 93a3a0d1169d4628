// Everything that a command may touch of the process it runs in, so that tests run commands without one.

/** A place that text is written to. */
export interface TextSink {
  write(text: string): void;
  /** Whether a person looks at it: progress and colours appear only then. */
  readonly isTTY: boolean;
  /** Characters in a line. */
  readonly columns: number;
}

export interface Io {
  /** All of standard input as text; for a path or a text of `-`. */
  readonly stdin: () => Promise<string>;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute folder from which relative paths on the command line start. */
  readonly cwd: string;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
}

const DEFAULT_COLUMNS = 100;

/** The process's own streams and environment. */
export function processIo(signal: AbortSignal): Io {
  return {
    stdin: async () => {
      const { text } = await import('node:stream/consumers');
      return text(process.stdin);
    },
    stdout: sink(process.stdout),
    stderr: sink(process.stderr),
    environment: process.env,
    cwd: process.cwd(),
    signal,
  };
}

function sink(stream: NodeJS.WriteStream): TextSink {
  return {
    write: (text) => {
      stream.write(text);
    },
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns || DEFAULT_COLUMNS;
    },
  };
}
