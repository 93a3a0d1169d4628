// Runs the items of one lot: two in hand (one computes while the other reads or uploads), commits each, quarantines a shard that cannot
// succeed, stops at the next shard when asked. Knows nothing of Temporal.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { AssayError, DataError } from '../../schemas/errors.js';
import type { WorkItem } from '../../stages/stage.js';
import { EndedItems, type LotCursor } from './cursor.js';

export interface LotCounts {
  done: number;
  quarantined: number;
  different: number;
  finished: boolean;
  /** Items from the first that have ended; a lot that is given out again begins after them. */
  ended: number;
}

export interface LotWork {
  /** Computes and commits one item. `false`: a checkpoint was written, the item is to be called again (training). */
  runItem(item: WorkItem, spool: string): Promise<{ readonly finished: boolean; readonly different: number }>;
  /** Whether everything of an item is committed. */
  isCommitted(item: WorkItem): Promise<boolean>;
  /** Records that an item failed for good. Rejects where the stage's failures end the run instead. */
  quarantine(item: WorkItem, error: AssayError, attempts: number): Promise<void>;
  onCursor(cursor: LotCursor): void;
}

export interface LotOptions {
  readonly items: readonly WorkItem[];
  readonly previous: LotCursor | null;
  /** Items that an earlier call of this lot ended. */
  readonly from: number;
  /** Look for commits first: an attempt that died may have committed more than it told. */
  readonly recheck: boolean;
  readonly concurrency: number;
  readonly spoolRoot: string;
  readonly stop: AbortSignal;
}

/** Deaths of the compute child at one item, without progress, after which the item is quarantined. */
const CHILD_DEATHS = 2;
/** Deaths of the whole worker with an item in hand after which the item is quarantined: workers also die for other reasons. */
const WORKER_DEATHS = 5;

export async function runLotItems(work: LotWork, options: LotOptions): Promise<LotCounts> {
  const counts: LotCounts = {
    ...(options.previous?.counted ?? { done: 0, quarantined: 0, different: 0 }),
    ...{ finished: true, ended: 0 },
  };
  const ended = new EndedItems(options.previous?.ended);
  ended.add(0, options.from);
  const died = new Map(Object.entries(options.previous?.inHand ?? {}));
  const inHand = new Map<number, number>();
  const tell = (): void => {
    const { done, quarantined, different } = counts;
    const counted = { done, quarantined, different };
    work.onCursor({ ended: ended.ranges, inHand: Object.fromEntries(inHand), counted });
  };
  const queue = [...options.items.keys()].filter((at) => !ended.has(at));

  const one = async (at: number): Promise<void> => {
    const item = options.items[at] as WorkItem;
    if (options.recheck && (await work.isCommitted(item))) {
      counts.done++;
      ended.add(at);
      return;
    }
    const deaths = died.get(String(at)) ?? 0;
    inHand.set(at, deaths + 1);
    tell();
    if (deaths >= WORKER_DEATHS) {
      const message = `The worker died ${deaths} times while it worked on shard ${item.shard}, each time without progress.`;
      await work.quarantine(item, new DataError(message, { shard: item.shard, deaths }), deaths);
      counts.quarantined++;
    } else {
      const result = await attemptItem(work, item, options).catch((error: unknown) => {
        // This attempt ends orderly: it is no death.
        inHand.set(at, deaths);
        tell();
        throw error;
      });
      counts.done += result.outcome === 'done' ? 1 : 0;
      counts.quarantined += result.outcome === 'quarantined' ? 1 : 0;
      counts.different += result.different;
      if (result.outcome === 'again') counts.finished = false;
      if (result.outcome === 'again') return void inHand.delete(at);
    }
    inHand.delete(at);
    ended.add(at);
    tell();
  };

  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < queue.length && !options.stop.aborted) await one(queue[next++] as number);
  };
  // All lanes end before the first failure is passed on, so that nothing runs on in the background.
  const lanes = await Promise.allSettled(Array.from({ length: options.concurrency }, lane));
  const failed = lanes.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason as Error;
  if (next < queue.length) counts.finished = false;
  counts.ended = ended.firstOpen;
  return counts;
}

interface Attempt {
  readonly outcome: 'done' | 'quarantined' | 'again';
  readonly different: number;
}

async function attemptItem(work: LotWork, item: WorkItem, options: LotOptions): Promise<Attempt> {
  for (let deaths = 0; ;) {
    const spool = path.join(options.spoolRoot, randomUUID());
    await mkdir(spool, { recursive: true });
    try {
      const { finished, different } = await work.runItem(item, spool);
      return { outcome: finished ? 'done' : 'again', different };
    } catch (error) {
      const childDied = error instanceof AssayError && error.details['childDied'] === true;
      if (childDied && ++deaths < CHILD_DEATHS) continue;
      const bad = childDied ? killed(item, error, deaths) : error;
      if (!(bad instanceof DataError)) throw error;
      await work.quarantine(item, bad, Math.max(1, deaths));
      return { outcome: 'quarantined', different: 0 };
    } finally {
      await rm(spool, { recursive: true, force: true });
    }
  }
}

function killed(item: WorkItem, error: AssayError, deaths: number): DataError {
  return new DataError(
    `The compute child died ${deaths} times on shard ${item.shard} without progress: ${error.message} \`assay resume --mode errored\` tries it again.`,
    { ...error.details, shard: item.shard, deaths },
  );
}
