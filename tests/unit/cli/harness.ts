// Runs command lines in this process: streams are strings, Temporal's commands are recorded instead of done.
import type { CommandContext } from '../../../cli/command.js';
import type { Orchestration } from '../../../cli/commands/orchestration.js';
import type { Io, TextSink } from '../../../cli/io.js';
import { lazyOrchestration } from '../../../cli/lazy-orchestration.js';
import { main } from '../../../cli/program.js';

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Calls of the orchestration: its name and its options. */
  readonly calls: readonly (readonly [string, unknown])[];
  /** The one document on stdout. */
  json(): unknown;
}

export interface CliOptions {
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
  const orchestration = recorded(calls, options.act ?? (() => Promise.resolve(0)));
  const code = await main(
    argv,
    io,
    lazyOrchestration(() => Promise.resolve(orchestration)),
  );
  return { code, ...texts, calls, json: () => JSON.parse(texts.out) as unknown };
}

export function stringIo(texts: { out: string; err: string }, options: CliOptions = {}): Io {
  const sink = (which: 'out' | 'err'): TextSink => ({
    write: (text) => {
      texts[which] += text;
    },
    isTTY: options.isTTY ?? false,
    columns: 100,
  });
  return {
    stdout: sink('out'),
    stderr: sink('err'),
    environment: options.environment ?? {},
    cwd: options.cwd ?? '/',
    signal: options.signal ?? new AbortController().signal,
  };
}

/** An orchestration that notes what it is asked for. */
export function recorded(calls: [string, unknown][], act: (context: CommandContext) => Promise<number>): Orchestration {
  const of =
    (name: string) =>
    (options: unknown, context: CommandContext): Promise<number> => {
      calls.push([name, options]);
      return act(context);
    };
  const bare =
    (name: string) =>
    (context: CommandContext): Promise<number> => {
      calls.push([name, null]);
      return act(context);
    };
  return {
    up: of('up'),
    down: bare('down'),
    doctor: bare('doctor'),
    plan: of('plan'),
    run: of('run'),
    resume: of('resume'),
    pause: of('pause'),
    unpause: of('unpause'),
    cancel: of('cancel'),
    set: of('set'),
    worker: of('worker'),
    schedule: {
      create: of('schedule create'),
      list: bare('schedule list'),
      show: of('schedule show'),
      pause: of('schedule pause'),
      unpause: of('schedule unpause'),
      trigger: of('schedule trigger'),
      backfill: of('schedule backfill'),
      delete: of('schedule delete'),
    },
  };
}
