// What a workflow says to its children: signals that it passes on, and what was said to it while a child was being started, which the
// child cannot know: it began with the state that held before.
import { patched } from '@temporalio/workflow';
import { limitsSignal, pauseSignal, unpauseSignal, type Control, type Limits } from './signals.js';

/** Sends a signal to every child. */
export async function tellAll<T>(children: readonly T[], send: (child: T) => Promise<void>): Promise<void> {
  // A child that has just ended cannot be signalled; it needs no signal.
  await Promise.all(children.map((child) => send(child).catch(() => undefined)));
}

/** What a child is started with, or should have been. */
export interface ChildState {
  readonly window: number;
  readonly tolerance: number;
  readonly paused: boolean;
  readonly reason: string | null;
}

/** The state as it is now; it changes with signals. */
export function stateOf({ window, tolerance, paused, reason }: Control): ChildState {
  return { window, tolerance, paused, reason };
}

interface Child {
  signal(name: typeof pauseSignal, reason: string): Promise<void>;
  signal(name: typeof unpauseSignal): Promise<void>;
  signal(name: typeof limitsSignal, limits: Limits): Promise<void>;
}

/** Tells a child that has just been started what changed since its input was made. Its parent has to know it by then: what is said later is passed on. */
export async function catchUp(child: Child, given: ChildState, now: ChildState): Promise<void> {
  const limits: Limits = {
    ...(now.window === given.window ? {} : { window: now.window }),
    ...(now.tolerance === given.tolerance ? {} : { tolerance: now.tolerance }),
  };
  const limited = Object.keys(limits).length > 0;
  if (!limited && now.paused === given.paused) return;
  // Workflows that began before this rule told nothing here.
  if (!patched('late-children-catch-up')) return;
  await tellAll(
    [
      ...(limited ? [() => child.signal(limitsSignal, limits)] : []),
      ...(now.paused === given.paused
        ? []
        : [() => (now.paused ? child.signal(pauseSignal, now.reason ?? '') : child.signal(unpauseSignal))]),
    ],
    (send) => send(),
  );
}
