// Does one lot: reads its items, computes and commits each, heartbeats the cursor, stops at the next shard when told to.
import { CancelledFailure, Context } from '@temporalio/activity';
import { QUEUES } from '../schemas/orchestration.js';
import type { LotInput, LotResult } from '../schemas/messages.js';
import { assertStageVersion, STAGE_TABLE } from '../stages/table.js';
import { readCursor, type LotCursor } from '../pipeline/lot/cursor.js';
import { runLotItems, type LotCounts } from '../pipeline/lot/run-lot.js';
import { createLotWork } from '../pipeline/lot/lot-work.js';
import { readLot } from '../pipeline/lot/manifest.js';
import { BeatWriter } from './beat-writer.js';
import type { ActivityDependencies } from './dependencies.js';
import { startHeart } from './heart.js';
import { askWhetherCancelled, overdue, releaseAfter } from './release.js';

/** What was released and still does not end, as a store that does not answer, is waited for no longer than this. */
const RELEASED_MS = 1000;

/** What an activity and its heartbeats know of the lot. */
interface InHand {
  cursor: LotCursor;
  tick(): void;
  /** Aborts when no further item is to begin. */
  readonly stop: AbortSignal;
  /** Aborts when those in hand are let go. */
  readonly release: AbortSignal;
}

export async function runLotActivity(input: LotInput, dependencies: ActivityDependencies): Promise<LotResult> {
  const context = Context.current();
  assertStageVersion(input.stage, input.stageVersion);
  const stop = new AbortController();
  const release = new AbortController();
  const inHand: InHand = {
    cursor: readCursor(context.info.heartbeatDetails) ?? { ended: [], inHand: {} },
    tick: () => undefined,
    ...{ stop: stop.signal, release: release.signal },
  };
  const stopHeart = startHeart(() => {
    inHand.tick();
    return inHand.cursor;
  });
  const onStop = (): void => stop.abort();
  const endRelease = releaseAfter(stop.signal, release, askWhetherCancelled());
  const late = overdue(release.signal, RELEASED_MS);
  for (const signal of [dependencies.stop, context.cancellationSignal]) {
    signal.addEventListener('abort', onStop);
    if (signal.aborted) onStop();
  }
  try {
    const counts = await Promise.race([doLot(input, dependencies, inHand), late.rejected]);
    return { ...counts, hostQueue: QUEUES.host(dependencies.hostId) };
  } catch (error) {
    // A failure of work that was told to stop is an answer to that, not a fault of the lot, which is given out again.
    if (release.signal.aborted && context.cancellationSignal.aborted)
      throw new CancelledFailure('released after a pause or cancellation');
    throw error;
  } finally {
    stopHeart();
    endRelease();
    late.end();
    dependencies.stop.removeEventListener('abort', onStop);
  }
}

async function doLot(input: LotInput, dependencies: ActivityDependencies, inHand: InHand): Promise<LotCounts> {
  const { ref, stage, lot, mode, noProgressSeconds } = input;
  const { info, heartbeat } = Context.current();
  const { stop, release } = inHand;
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  const items = await readLot(store, input.manifest, lot);
  const outside = items.flatMap(({ item, config }) => STAGE_TABLE[stage].outside(item, config));
  await dependencies.allowed.assertSources(outside);
  const beat = new BeatWriter({ store, ref, stage, lot, hostId: dependencies.hostId });
  inHand.tick = () => beat.tick();
  const work = createLotWork({
    ...{ store, stage, mode, dependencies, items, ref, stop },
    ...{ signal: release, log: dependencies.log, recomputation: info.workflowExecution?.runId ?? '' },
    ...(noProgressSeconds === undefined ? {} : { noProgressMs: noProgressSeconds * 1000 }),
    onProgress: (progress) => beat.update(progress),
    onCursor: (next) => {
      inHand.cursor = next;
      heartbeat(next);
    },
  });
  try {
    beat.tick();
    return await runLotItems(work, {
      items: items.map(({ item }) => item),
      previous: inHand.cursor,
      from: input.from ?? 0,
      recheck: info.attempt > 1 && mode !== 'all',
      concurrency: dependencies.itemsInHand,
      spoolRoot: dependencies.spoolRoot,
      stop,
    });
  } finally {
    await beat.close();
  }
}
