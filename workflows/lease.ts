// One run at a time works under a key: a lease is a small workflow whose id is the key's name. Whoever finds it taken asks it to
// say when it ends. A lease ends with the workflow that holds it, so nothing is held for ever.
import {
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  setHandler,
  startChild,
  workflowInfo,
  type ChildWorkflowHandle,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { LIMITS } from '../schemas/orchestration.js';

const waitSignal = defineSignal<[string]>('waitForLease');
const releaseSignal = defineSignal('releaseLease');
const freeSignal = defineSignal<[string]>('leaseIsFree');

/** Holds a name until it is released, and tells those who wait. */
export async function leaseWorkflow(name: string): Promise<void> {
  const waiting = new Set<string>();
  let released = false;
  setHandler(waitSignal, (workflowId) => {
    waiting.add(workflowId);
  });
  setHandler(releaseSignal, () => {
    released = true;
  });
  await condition(() => released);
  // Who has ended meanwhile needs no word.
  await Promise.all(
    [...waiting].map((id) =>
      getExternalWorkflowHandle(id)
        .signal(freeSignal, name)
        .catch(() => undefined),
    ),
  );
}

/** The leases that one workflow takes. Names are taken in order, so that two workflows never wait for each other. */
export class Leases {
  readonly #freed = new Set<string>();

  constructor() {
    setHandler(freeSignal, (name) => {
      this.#freed.add(name);
    });
  }

  /** Takes all names, waiting where another run has one. @param onWait called once, before the first wait */
  async take(names: readonly string[], onWait: (name: string) => Promise<void>): Promise<Held> {
    const held: ChildWorkflowHandle<typeof leaseWorkflow>[] = [];
    let waited = false;
    try {
      for (const name of [...names].sort()) {
        let pauseMs: number = LIMITS.leaseRetryMs;
        for (let lease = await tryStart(name); ; lease = await tryStart(name)) {
          if (lease) {
            held.push(lease);
            break;
          }
          if (!waited) await onWait(name);
          waited = true;
          await this.#untilFree(name, pauseMs);
          pauseMs = Math.min(pauseMs * LIMITS.retryGrowth, LIMITS.longestRetryMs);
        }
      }
    } catch (error) {
      await release(held);
      throw error;
    }
    return { waited, release: () => release(held) };
  }

  async #untilFree(name: string, longestMs: number): Promise<void> {
    this.#freed.delete(name);
    try {
      await getExternalWorkflowHandle(name).signal(waitSignal, workflowInfo().workflowId);
    } catch (error) {
      if (isCancellation(error)) throw error;
      // It has just ended: the next try decides.
      return;
    }
    // The word of a lease whose holder was terminated never comes.
    await condition(() => this.#freed.has(name), longestMs);
  }
}

export interface Held {
  /** Whether another run worked under a name meanwhile: what is to do must be planned again. */
  readonly waited: boolean;
  release(): Promise<void>;
}

async function tryStart(name: string): Promise<ChildWorkflowHandle<typeof leaseWorkflow> | null> {
  try {
    return await startChild(leaseWorkflow, {
      workflowId: name,
      args: [name],
      parentClosePolicy: ParentClosePolicy.TERMINATE,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}

async function release(held: readonly ChildWorkflowHandle<typeof leaseWorkflow>[]): Promise<void> {
  await Promise.all(held.map((lease) => lease.signal(releaseSignal).catch(() => undefined)));
}
