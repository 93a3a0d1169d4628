// From an error to what the user sees and the exit code. With --json the error is the one document on stdout as well.
import { CommanderError } from 'commander';
import { EXCERPT } from '../core/text/outgoing.js';
import { errorDocument } from '../schemas/documents/error.js';
import { EXIT } from '../schemas/exit.js';
import { AssayError } from '../schemas/errors.js';
import { systemError } from '../schemas/system-errors.js';
import { replacedBuild } from '../runtime/replaced-build.js';
import type { Io } from './io.js';

export interface ErrorReportOptions {
  readonly json: boolean;
  /** Print stacks. */
  readonly debug: boolean;
}

/** Prints the error; returns the exit code that it means. */
export function reportError(thrown: unknown, io: Io, options: ErrorReportOptions): number {
  const error = replacedBuild(thrown) ?? systemError(thrown) ?? thrown;
  // Commander has printed its own message (and help) already.
  if (error instanceof CommanderError) return reportUsage(error, io, options);
  if (io.signal.aborted && !(error instanceof AssayError)) {
    io.stderr.write('Interrupted.\n');
    return EXIT.interrupted;
  }
  const { name, message, details } = describeError(error);
  const known = error instanceof AssayError;
  const lines = known && 'problems' in details ? message : `error: ${message}`;
  io.stderr.write(`${lines}\n`);
  const excerpt = details[EXCERPT];
  if (typeof excerpt === 'string') io.stderr.write(`  it begins: ${JSON.stringify(excerpt)}\n`);
  if (options.debug && error instanceof Error) io.stderr.write(`${error.stack ?? ''}\n`);
  if (options.json) writeDocument(io, { class: name, message, details });
  return known ? error.exitCode : EXIT.failed;
}

function reportUsage(error: CommanderError, io: Io, options: ErrorReportOptions): number {
  if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode === 0 ? EXIT.done : EXIT.badInput;
  const message = error.message.replace(/^error: /, '');
  if (options.json) writeDocument(io, { class: 'InputError', message, details: { code: error.code } });
  return EXIT.badInput;
}

function writeDocument(io: Io, error: { class: string; message: string; details: Record<string, unknown> }): void {
  io.stdout.writeDocument(`${JSON.stringify(errorDocument.parse({ error }))}\n`);
}

function describeError(error: unknown): {
  name: string;
  message: string;
  details: Record<string, unknown>;
} {
  if (error instanceof AssayError) return { name: error.name, message: error.message, details: error.details };
  const { name, text } =
    error instanceof Error ? { name: error.name, text: error.message } : { name: 'unknown', text: String(error) };
  const hint = 'This is a fault of assay itself; set ASSAY_DEBUG=1 to see where it arose.';
  return { name, message: `unexpected ${name}: ${text}. ${hint}`, details: {} };
}
