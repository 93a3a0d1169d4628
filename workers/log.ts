// The worker's log: JSON lines on stderr. Every line is bounded, and holds no text of documents.
import { pino } from 'pino';
import type { Logger } from '../activities/dependencies.js';
import { boundedText, outgoingValues } from '../core/text/outgoing.js';

/** What Node and libraries warn of goes through the log, instead of as text between its lines. */
export function takeWarnings(log: Logger): void {
  // Node's own listener prints; it is the only one of a worker.
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => log.warn({ warning: name }, message));
}

/** A log at the given level. @param write takes each line; stderr where absent */
export function createLog(
  { level, hostId }: { readonly level: string; readonly hostId: string },
  write?: (line: string) => void,
): Logger {
  const options = {
    level,
    base: { pid: process.pid, host: hostId },
    // Errors among the fields are made plain by the same border.
    serializers: { err: (plain: unknown) => plain },
    formatters: { log: outgoingValues },
  };
  const log = write ? pino(options, { write }) : pino(options, pino.destination({ dest: 2, sync: true }));
  const line =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: Record<string, unknown>, message: string): void => {
      log[name](fields, boundedText(message));
    };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}
