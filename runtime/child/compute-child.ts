// One compute child: start, one call at a time, memory ceiling, death. The process dies alone and is started anew by the pool.
import { fork, type ChildProcess } from 'node:child_process';
import { DataError, ResourceError, TransientError } from '../../schemas/errors.js';
import { LIMITS } from '../../schemas/orchestration.js';
import { systemError } from '../../schemas/system-errors.js';
import { forgetChild, recordChild } from './orphans.js';
import { processorMs, residentBytes } from './process-identity.js';
import type { FromChild, ToChild } from './protocol.js';
import { Watchdog, type NoProgress } from './watchdog.js';
import { decodeError, encodeError } from './wire-error.js';

export interface ChildOptions {
  /** Compiled module that calls `serveChild`. */
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
  /** Resident bytes above which the child is killed. */
  readonly memoryLimitBytes: number;
  /** Folder that records running children. */
  readonly recordFolder: string;
}

export interface CallHandlers {
  readonly signal: AbortSignal;
  readonly onProgress?: ((value: unknown) => void) | undefined;
  readonly onAsk?: ((what: string, request: unknown) => Promise<unknown>) | undefined;
  /** Time in which plain work must report something, milliseconds; default LIMITS.noProgressMs.plain. */
  readonly noProgressMs?: number | undefined;
}

interface CurrentCall extends CallHandlers {
  readonly id: number;
  readonly task: string;
  readonly watchdog: Watchdog;
  /** Questions that the child waits for. */
  asked: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const CHECK_MS = 1000;

export class ComputeChild {
  readonly #options: ChildOptions;
  readonly #process: ChildProcess;
  readonly #ready: Promise<void>;
  readonly #watch: NodeJS.Timeout;
  readonly #ended: Promise<void>;
  #current: CurrentCall | null = null;
  #nextId = 0;
  #deathNote: Error | null = null;
  /** Highest resident memory seen, bytes. */
  peakBytes = 0;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#process = fork(options.entry, [], {
      env: options.env,
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const started = new Promise<void>((resolve, reject) => {
      this.#process.once('message', () => resolve());
      this.#process.once('exit', (code, signal) => reject(this.#deathNote ?? notStarted(code, signal)));
      this.#process.once('error', (error) => reject(systemError(error) ?? error));
    });
    this.#ready = Promise.all([started, this.#recorded()]).then(() => undefined);
    this.#ready.catch(() => undefined);
    this.#process.on('message', (message: FromChild) => this.#receive(message));
    this.#ended = new Promise((resolve) => {
      this.#process.on('exit', (code, signal) => void this.#exited(code, signal).then(resolve));
      // One that could not be started never exits.
      this.#process.on('error', () => resolve());
    });
    this.#watch = setInterval(() => void this.#check(), CHECK_MS);
    this.#watch.unref();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null && this.#process.connected;
  }

  /** Runs one task. Aborting `signal` kills the child. @throws TransientError {childDied: true} when the child dies. */
  async call(task: string, request: unknown, handlers: CallHandlers): Promise<unknown> {
    handlers.signal.throwIfAborted();
    await this.#ready;
    const id = this.#nextId++;
    const abort = (): void => this.kill(new TransientError('The call was cancelled.', { cancelled: true }));
    handlers.signal.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        const watchdog = new Watchdog(performance.now(), handlers.noProgressMs ?? LIMITS.noProgressMs.plain);
        this.#current = { ...handlers, id, task, watchdog, asked: 0, resolve, reject };
        this.#send({ type: 'call', id, task, request });
      });
    } finally {
      this.#current = null;
      handlers.signal.removeEventListener('abort', abort);
    }
  }

  /** Asks the running task to stop at its next safe point. */
  stop(): void {
    if (this.#current) this.#send({ type: 'stop', id: this.#current.id });
  }

  kill(reason?: Error): void {
    this.#deathNote ??= reason ?? null;
    this.#process.kill('SIGKILL');
  }

  /** Closes the channel; the child exits by itself. */
  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  /** Resolves once the process has ended and its record is removed. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  #receive(message: FromChild): void {
    const current = this.#current;
    if (message.type === 'ready' || current?.id !== message.id) return;
    if (message.type === 'beat') current.watchdog.beat();
    else if (message.type === 'phase') current.watchdog.enter(message.phase);
    else current.watchdog.progress();
    if (message.type === 'progress') current.onProgress?.(message.value);
    else if (message.type === 'ask') void this.#answer(current, message);
    else if (message.type === 'result') this.#end(current, message);
  }

  #end(current: CurrentCall, { value, error }: Extract<FromChild, { type: 'result' }>): void {
    if (error) current.reject(decodeError(error));
    else current.resolve(value);
  }

  async #answer(current: CurrentCall, { ask, what, request }: Extract<FromChild, { type: 'ask' }>): Promise<void> {
    current.asked++;
    try {
      if (!current.onAsk) throw new TransientError(`Nothing answers "${what}" for this task.`, { what });
      this.#send({ type: 'answer', id: ask, value: await current.onAsk(what, request) });
    } catch (error) {
      this.#send({ type: 'answer', id: ask, error: encodeError(error) });
    } finally {
      current.asked--;
    }
  }

  #send(message: ToChild): void {
    // A closed channel means that the exit event is on its way and rejects the call.
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  async #exited(code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    clearInterval(this.#watch);
    this.#current?.reject(this.#deathNote ?? died(code, signal));
    const { pid } = this.#process;
    if (pid === undefined) return;
    // The record may still be on its way; one that stays names a process that is gone, which the next worker sees by its start time.
    await this.#ready.catch(() => undefined);
    await forgetChild(this.#options.recordFolder, pid).catch(() => undefined);
  }

  /** A child that cannot be recorded (a full disk) is not used: nobody would end it if this process died. */
  async #recorded(): Promise<void> {
    if (this.#process.pid === undefined) return;
    try {
      await recordChild(this.#options.recordFolder, this.#process.pid);
    } catch (error) {
      const known = systemError(error) ?? error;
      this.kill(known as Error);
      throw known;
    }
  }

  async #check(): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    const call = this.#current;
    const [bytes, cpuMs] = await Promise.all([residentBytes(pid), call && processorMs(pid)]);
    if (bytes !== null) this.#checkMemory(bytes);
    if (call === null || call !== this.#current) return;
    const hang = call.watchdog.look(performance.now(), { tickMs: CHECK_MS, cpuMs, waits: call.asked > 0 });
    if (hang) this.kill(noProgress(call.task, hang));
  }

  #checkMemory(bytes: number): void {
    this.peakBytes = Math.max(this.peakBytes, bytes);
    if (bytes <= this.#options.memoryLimitBytes) return;
    const limit = this.#options.memoryLimitBytes;
    this.kill(
      new ResourceError(
        `A compute child used ${megabytes(bytes)} MB, more than its ceiling of ${megabytes(limit)} MB, and was stopped. Lower activations.batchTokens or corpus.shardTokens, or give the worker a larger --memory.`,
        { childDied: true, bytes, limit },
      ),
    );
  }
}

const DOING = {
  work: 'in plain work',
  load: 'while ONNX Runtime loaded a graph',
  compute: 'in one call of ONNX Runtime',
};

/** One that computed hangs on what it was given; one that waited is tried once more, as after a death. */
function noProgress(task: string, { seconds, phase, busy }: NoProgress): DataError | TransientError {
  const text = `The compute child made no progress for ${seconds} s ${DOING[phase]} (task ${task}, ${busy ? 'computing all the while' : 'waiting'}), and was stopped. If this work needs so long, raise tolerance.noProgressSeconds in the run file.`;
  const details = { noProgressSeconds: seconds, phase, task };
  return busy ? new DataError(text, details) : new TransientError(text, { ...details, childDied: true });
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

/** No shard is to blame for a child that never began. */
function notStarted(code: number | null, signal: string | null): ResourceError {
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  return new ResourceError(
    `Expected a compute child to start, it ended before it was ready (${how}); look at what it wrote to the worker's log, at memory and disk, then \`assay resume\`.`,
    { code, signal, neverBegan: true },
  );
}

function died(code: number | null, signal: string | null): TransientError {
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  return new TransientError(`A compute child died (${how}) during a task.`, {
    childDied: true,
    code,
    signal,
  });
}
