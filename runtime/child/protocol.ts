// What a worker and its compute child say to each other. Tensors never travel here: they go by spool files.
import type { Phase } from './watchdog.js';

/** Worker → child. */
export type ToChild =
  | { readonly type: 'call'; readonly id: number; readonly task: string; readonly request: unknown }
  | {
      readonly type: 'answer';
      readonly id: number;
      readonly value?: unknown;
      readonly error?: WireError;
    }
  | { readonly type: 'stop'; readonly id: number };

/** Child → worker. `ask` lets a running task request data (e.g. the next super-buffer) from the worker. */
export type FromChild =
  | { readonly type: 'ready'; readonly pid: number }
  | {
      readonly type: 'result';
      readonly id: number;
      readonly value?: unknown;
      readonly error?: WireError;
    }
  | { readonly type: 'progress'; readonly id: number; readonly value: unknown }
  /** Something was done (`alive`), the event loop turns (`beat`), or a phase begins. */
  | { readonly type: 'alive' | 'beat'; readonly id: number }
  | { readonly type: 'phase'; readonly id: number; readonly phase: Phase }
  | {
      readonly type: 'ask';
      readonly id: number;
      readonly ask: number;
      readonly what: string;
      readonly request: unknown;
    };

/** An error that crossed the process border; `name` is one of the project's error classes or a JavaScript one. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
  readonly stack?: string | undefined;
}

/** What a task handler inside the child may use. */
export interface ChildContext {
  /** Aborts when the worker asks the task to stop at the next safe point (pause, shutdown): finish what is in hand and return. */
  readonly stop: AbortSignal;
  progress(value: unknown): void;
  /** Says that work goes on, where nothing is counted; cheap, to be called in long loops. */
  alive(): void;
  /** Asks the worker for something and waits for its answer. */
  ask<T>(what: string, request: unknown): Promise<T>;
}

/** A task that a compute child can do. Returns plain data; large outputs are files in the spool folder that the request names. */
export type ChildTask<Request, Response> = (request: Request, context: ChildContext) => Promise<Response>;
