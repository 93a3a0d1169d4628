// A bounded window of lot activities over a range of lots. Lots that stop early are given out again; a pause stops what is in hand
// at the next shard and gives nothing out.
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { LotInput, LotResult } from '../schemas/messages.js';
import { LotCalls } from './lot-calls.js';
import type { Control } from './signals.js';

export interface WindowInput {
  /** Everything of a lot's input but its number. */
  readonly lot: Omit<LotInput, 'lot'>;
  readonly queue: string;
  readonly from: number;
  readonly to: number;
  /** Stop giving out lots after this many, so that the history stays short; Infinity for no limit. */
  readonly budget: number;
  /** Stop after so many links of chains, for the same reason. */
  readonly links?: number;
  /** Lots below `from` that go on. */
  readonly again?: readonly Share[];
}

export interface WindowResult {
  /** First lot not given out. */
  readonly next: number;
  /** Lots that were given out and go on. */
  readonly again: readonly Share[];
}

/** A lot to give out: the items of it that have ended already, and the host that has its state. */
export interface Share {
  readonly lot: number;
  readonly from: number;
  readonly hostQueue: string | null;
}

/**
 * Runs lots [from, to), at most `control.window` at once, and calls `onLot` for each result.
 * Returns once all given-out lots have ended. @throws the first activity failure, after draining; CancelledFailure when cancelled.
 */
export async function runLotWindow(
  input: WindowInput,
  control: Control,
  onLot: (result: LotResult) => void,
): Promise<WindowResult> {
  let next = input.from;
  let failure: unknown = null;
  const calls = new LotCalls(input.queue);
  const again: Share[] = [...(input.again ?? [])];
  let links = 0;
  const pending = new Map<number, CancellationScope>();
  const cancelled = (): boolean => CancellationScope.current().consideredCancelled;

  const give = (share: Share): void => {
    const { lot } = share;
    const scope = new CancellationScope();
    pending.set(lot, scope);
    scope
      .run(() => calls.call({ ...input.lot, lot, from: share.from }, share.hostQueue))
      .then((result) => {
        onLot(result);
        const { finished, ended, hostQueue } = result;
        if (finished) return;
        again.push({ lot, from: ended, hostQueue });
        links++;
      })
      .catch((error: unknown) => {
        if (isCancellation(error)) again.push({ ...share, hostQueue: null });
        else failure ??= error;
      })
      .finally(() => pending.delete(lot))
      .catch(() => undefined);
  };
  const spent = (): boolean => links >= (input.links ?? Infinity);
  const hasWork = (): boolean =>
    !spent() && (again.length > 0 || (next < input.to && next - input.from < input.budget));
  const mayGive = (): boolean => failure === null && !control.paused && hasWork() && pending.size < control.window;

  try {
    while (failure === null && (hasWork() || pending.size > 0)) {
      while (mayGive()) {
        give(again.shift() ?? { lot: next++, from: 0, hostQueue: null });
      }
      const open = pending.size;
      if (control.paused) for (const scope of pending.values()) scope.cancel();
      await condition(
        () =>
          failure !== null ||
          mayGive() ||
          pending.size < open ||
          (control.paused && pending.size > 0 && !allCancelled(pending)),
      );
    }
  } finally {
    if (failure !== null || cancelled()) {
      for (const scope of pending.values()) scope.cancel();
      await CancellationScope.nonCancellable(() => condition(() => pending.size === 0));
    }
  }
  if (failure !== null) throw failure as Error;
  return { next, again };
}

function allCancelled(pending: ReadonlyMap<number, CancellationScope>): boolean {
  return [...pending.values()].every((scope) => scope.consideredCancelled);
}
