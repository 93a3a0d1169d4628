// Calls the lots of a window. One lot in hand at a time may not wait in its queue without end: it stands for the others, so that a
// queue which nobody serves is noticed and a history does not fill with time-outs where a queue is only long.
import { sleep } from '@temporalio/workflow';
import type { LotInput, LotResult } from '../schemas/messages.js';
import { LIMITS } from '../schemas/orchestration.js';
import { isQueueServed, lotActivity } from './options.js';
import { unservedFailure, wasNeverTaken } from './unserved.js';

export class LotCalls {
  readonly #queue: string;
  #watching = false;

  constructor(queue: string) {
    this.#queue = queue;
  }

  /**
   * Does a lot; the next link of a chain prefers the host that has its state, and after LIMITS.sameHostMs any worker may have it.
   * @throws ApplicationFailure that names the queue where nobody serves it
   */
  async call(request: LotInput, hostQueue: string | null): Promise<LotResult> {
    if (hostQueue !== null) {
      try {
        return await lotActivity(hostQueue, LIMITS.sameHostMs)(request);
      } catch (error) {
        if (!wasNeverTaken(error)) throw error;
      }
    }
    while (!this.#isWatching()) {
      this.#watching = true;
      try {
        return await lotActivity(this.#queue, LIMITS.startMs)(request);
      } catch (error) {
        if (!wasNeverTaken(error)) throw error;
        await this.#untilServed();
      } finally {
        this.#watching = false;
      }
    }
    return lotActivity(this.#queue)(request);
  }

  /** Asked anew each time round: meanwhile another lot may stand for the others. */
  #isWatching(): boolean {
    return this.#watching;
  }

  async #untilServed(): Promise<void> {
    for (let look = 0; look < LIMITS.serveLooks; look++) {
      if (await isQueueServed({ queue: this.#queue })) return;
      await sleep(LIMITS.serveLookMs);
    }
    throw unservedFailure(this.#queue);
  }
}
