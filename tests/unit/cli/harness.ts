// Runs command lines in this process: streams are strings, Temporal's commands are recorded instead of done.
import type { CommandContext } from '../../../cli/command.js';
import type { Io, TextSink } from '../../../cli/io.js';
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
  const sink = (which: 'out' | 'err'): TextSink => ({
    write: (text) => {
      texts[which] += text;
    },
    isTTY: options.isTTY ?? false,
    columns: 100,
  });
  return {
    stdin: () => Promise.resolve(options.stdin ?? ''),
    stdout: sink('out'),
    stderr: sink('err'),
    environment: options.environment ?? {},
    cwd: options.cwd ?? '/',
    signal: options.signal ?? new AbortController().signal,
  };
}
