// Everything that a command may touch of the process it runs in, so that tests run commands without one.
import { ResourceError } from '../schemas/errors.js';
import { EXIT } from '../schemas/exit.js';
import { terminalSettings } from './environment.js';
import { endedByInterrupt } from './interrupt.js';
import { createSink, type SinkTarget, type TextSink } from './terminal/sink.js';

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
  /** Does work that lets nothing else happen until it is done: an interrupt meanwhile ends the process at once. */
  readonly blocking: <T>(work: () => T) => T;
}

/** The process's own streams and environment. */
export function processIo(signal: AbortSignal): Io {
  const settings = terminalSettings(process.env);
  // Nobody sees progress and notes any more: no reason to stop.
  process.stderr.on('error', () => undefined);
  return {
    stdin: () => readAll(process.stdin, signal),
    stdout: createSink(streamTarget(process.stdout), settings),
    stderr: createSink({ ...plainTarget(process.stderr), drained: () => Promise.resolve(true) }, settings),
    environment: process.env,
    cwd: process.cwd(),
    signal,
    blocking: endedByInterrupt,
  };
}

/** @throws the signal's reason, as soon as it aborts: nobody knows when the stream ends */
async function readAll(stream: NodeJS.ReadStream, signal: AbortSignal): Promise<string> {
  const { text } = await import('node:stream/consumers');
  const { addAbortSignal } = await import('node:stream');
  signal.throwIfAborted();
  return text(addAbortSignal(signal, stream));
}

function plainTarget(stream: NodeJS.WriteStream): Omit<SinkTarget, 'drained'> {
  return {
    write: (raw) => {
      stream.write(raw);
    },
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns;
    },
    get rows() {
      return stream.rows;
    },
  };
}

/**
 * Standard output. `assay sql … | head` closes the pipe early, which is no error: data that is sent learns of it and ends, and a
 * command that only prints ends at once.
 */
function streamTarget(stream: NodeJS.WriteStream): SinkTarget {
  let failure: NodeJS.ErrnoException | null = null;
  let waiting: (() => void) | null = null;
  const wake = (): void => {
    waiting?.();
    waiting = null;
  };
  let sending = false;
  stream.on('drain', wake);
  stream.on('error', (error: NodeJS.ErrnoException) => {
    failure = error;
    if (sending) wake();
    else if (error.code === 'EPIPE') process.exit(EXIT.done);
    else {
      process.stderr.write(`error: standard output could not be written: ${error.message}\n`);
      process.exit(EXIT.failed);
    }
  });
  return {
    ...plainTarget(stream),
    drained: async () => {
      sending = true;
      if (failure === null && stream.writableNeedDrain)
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
      // An error of this write is told in the next turn.
      else await new Promise((resolve) => setImmediate(resolve));
      if (failure === null) return true;
      if (failure.code === 'EPIPE') return false;
      throw new ResourceError(
        `Expected to write to standard output, got ${failure.code ?? 'an error'}: ${failure.message}; make room or write elsewhere.`,
        { code: failure.code },
      );
    },
  };
}
