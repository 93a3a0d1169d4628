// The compute child's side of the protocol: runs tasks that the worker calls, exits when the worker is gone.
import { InputError, TransientError } from '../../schemas/errors.js';
import type { ChildContext, ChildTask, FromChild, ToChild } from './protocol.js';
import { onPhase } from '../phase.js';
import { decodeError, encodeError } from './wire-error.js';

// Handlers take what their caller sends; the border is typed by the task's own module.
export type ChildTasks = Readonly<Record<string, ChildTask<never, unknown>>>;

/** How often a task says that it lives. */
const SPEAK_MS = 1000;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Serves `tasks` over this process's IPC channel until it closes. Must be the entry of a forked process. */
export function serveChild(tasks: ChildTasks): void {
  const stops = new Map<number, AbortController>();
  const asks = new Map<number, Waiting>();
  let nextAsk = 0;
  const spokeMs = { alive: 0, beat: 0 };
  /** Says that a task lives, now and then. */
  const say = (type: 'alive' | 'beat', id: number): void => {
    const now = performance.now();
    if (now - spokeMs[type] < SPEAK_MS) return;
    spokeMs[type] = now;
    send({ type, id });
  };

  const context = (id: number, stop: AbortSignal): ChildContext => ({
    stop,
    progress: (value) => send({ type: 'progress', id, value }),
    alive: () => say('alive', id),
    ask: (what, request) =>
      new Promise((resolve, reject) => {
        const ask = nextAsk++;
        asks.set(ask, { resolve: resolve, reject });
        send({ type: 'ask', id, ask, what, request });
      }),
  });

  const run = async (id: number, task: string, request: unknown): Promise<void> => {
    const stop = new AbortController();
    stops.set(id, stop);
    const beats = setInterval(() => say('beat', id), SPEAK_MS);
    onPhase((phase) => send({ type: 'phase', id, phase }));
    try {
      const handler = tasks[task];
      if (!handler)
        throw new InputError(`Unknown task "${task}"; this child knows ${Object.keys(tasks).join(', ')}.`, { task });
      send({
        type: 'result',
        id,
        value: await handler(request as never, context(id, stop.signal)),
      });
    } catch (error) {
      send({ type: 'result', id, error: encodeError(error) });
    } finally {
      clearInterval(beats);
      onPhase(null);
      stops.delete(id);
    }
  };

  process.on('message', (message: ToChild) => {
    if (message.type === 'call') void run(message.id, message.task, message.request);
    else if (message.type === 'stop') stops.get(message.id)?.abort();
    else {
      const waiting = asks.get(message.id);
      asks.delete(message.id);
      if (message.error) waiting?.reject(decodeError(message.error));
      else waiting?.resolve(message.value as never);
    }
  });
  process.on('disconnect', () => process.exit(0));
  // A terminal's Ctrl-C reaches the whole process group; the worker decides when its children end.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  send({ type: 'ready', pid: process.pid });
}

function send(message: FromChild): void {
  if (!process.send) throw new TransientError('This program is a compute child and must be started by a worker.');
  // A worker that died meanwhile is told by 'disconnect', which ends this process: no error of its own.
  if (process.connected) process.send(message, undefined, undefined, () => undefined);
}
