// Runs command lines in this process: streams are strings, Temporal's commands are recorded instead of done.
import type { CommandContext } from '../../../cli/command.js';
import { terminalSettings } from '../../../cli/environment.js';
import type { Io } from '../../../cli/io.js';
import { createSink, type TextSink } from '../../../cli/terminal/sink.js';
import { main } from '../../../cli/program.js';

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Calls of commands that speak with Temporal: name and request. */
  readonly calls: readonly (readonly [string, unknown])[];
  /** The one document on stdout. */
  json(): unknown;
}

export interface CliOptions {
  /** What comes on standard input. */
  readonly stdin?: string;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  /** Of the terminal; default 100. */
  readonly columns?: number;
  readonly signal?: AbortSignal;
  /** What the recorded commands do; 0 is returned without it. */
  readonly act?: (context: CommandContext) => Promise<number>;
}

export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const texts = { out: '', err: '' };
  const io = stringIo(texts, options);
  const calls: [string, unknown][] = [];
  const code = await main(argv, io, ({ name, command, request }, context) => {
    if (!SPEAKS_WITH_TEMPORAL.test(name)) return command.run(request, context);
    calls.push([name, request]);
    return options.act?.(context) ?? Promise.resolve(0);
  });
  return { code, ...texts, calls, json: () => JSON.parse(texts.out) as unknown };
}

const SPEAKS_WITH_TEMPORAL = /^(up|down|doctor|plan|run|resume|pause|unpause|cancel|set|worker|schedule .*)$/;

export function stringIo(texts: { out: string; err: string }, options: CliOptions = {}): Io {
  const sink = (which: 'out' | 'err'): TextSink =>
    createSink(
      {
        write: (raw) => {
          texts[which] += typeof raw === 'string' ? raw : Buffer.from(raw).toString('latin1');
        },
        drained: () => Promise.resolve(true),
        isTTY: options.isTTY ?? false,
        columns: options.columns ?? 100,
        rows: 24,
      },
      terminalSettings(options.environment ?? {}),
    );
  return {
    stdin: () => Promise.resolve(options.stdin ?? ''),
    stdout: sink('out'),
    stderr: sink('err'),
    environment: options.environment ?? {},
    cwd: options.cwd ?? '/',
    signal: options.signal ?? new AbortController().signal,
    blocking: (work) => work(),
  };
}
