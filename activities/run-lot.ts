// Does one lot: reads its items, computes and commits each, heartbeats the cursor, stops at the next shard when told to.
import { CancelledFailure, Context } from '@temporalio/activity';
import { QUEUES } from '../schemas/orchestration.js';
import type { LotInput, LotResult } from '../schemas/messages.js';
import { assertStageVersion } from '../stages/table.js';
import { runLotItems, type LotCursor } from '../pipeline/lot/run-lot.js';
import { createLotWork } from '../pipeline/lot/lot-work.js';
import { readLot } from '../pipeline/lot/manifest.js';
import { BeatWriter } from './beat-writer.js';
import type { ActivityDependencies } from './dependencies.js';
import { startHeart } from './heart.js';

/** After a pause, a cancellation or SIGTERM shards in hand may take this long to finish; then they are released. */
const FINISH_MS = 18_000;

export async function runLotActivity(input: LotInput, dependencies: ActivityDependencies): Promise<LotResult> {
  const { ref, stage, lot, mode } = input;
  const context = Context.current();
  assertStageVersion(stage, input.stageVersion);
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  const items = await readLot(store, input.manifest, lot);
  const previous = (context.info.heartbeatDetails as LotCursor | undefined) ?? null;

  const stop = new AbortController();
  const abort = new AbortController();
  let force: NodeJS.Timeout | undefined;
  const onStop = (): void => {
    stop.abort();
    force ??= setTimeout(() => abort.abort(new Error('cancelled')), FINISH_MS);
  };
  for (const signal of [dependencies.stop, context.cancellationSignal]) {
    signal.addEventListener('abort', onStop);
    if (signal.aborted) onStop();
  }

  const beat = new BeatWriter({ store, ref, stage, lot, hostId: dependencies.hostId });
  let cursor: LotCursor = previous ?? { ended: [], inHand: {} };
  const stopHeart = startHeart(() => {
    beat.tick();
    return cursor;
  });
  const work = createLotWork({
    ...{ store, stage, mode, dependencies, items, ref },
    ...{ signal: abort.signal, stop: stop.signal },
    ...{ log: dependencies.log, recomputation: context.info.workflowExecution?.runId ?? '' },
    onProgress: (progress) => beat.update(progress),
    onCursor: (next) => {
      cursor = next;
      context.heartbeat(next);
    },
  });
  try {
    beat.tick();
    const options = {
      items: items.map(({ item }) => item),
      previous,
      from: input.from ?? 0,
      recheck: context.info.attempt > 1 && mode !== 'all',
      concurrency: dependencies.itemsInHand,
      spoolRoot: dependencies.spoolRoot,
      stop: stop.signal,
    };
    return { ...(await runLotItems(work, options)), hostQueue: QUEUES.host(dependencies.hostId) };
  } catch (error) {
    // A failure of work that was told to stop is an answer to that, not a fault of the lot, which is given out again.
    if (abort.signal.aborted && context.cancellationSignal.aborted)
      throw new CancelledFailure('released after a pause or cancellation');
    throw error;
  } finally {
    stopHeart();
    clearTimeout(force);
    dependencies.stop.removeEventListener('abort', onStop);
    await beat.close();
  }
}
