// Does what a stage has to do with the lot code of the workers, in this process: several items in hand, each committed, bad
// ones quarantined, links of a training one after the other until it is finished.
import { randomUUID } from 'node:crypto';
import type { StageName } from '../../schemas/stages.js';
import { AssayError, DataError } from '../../schemas/errors.js';
import { createLotWork } from '../lot/lot-work.js';
import type { LotCursor } from '../lot/cursor.js';
import { runLotItems, type LotWork } from '../lot/run-lot.js';
import type { PlannedUnit } from '../../stages/step.js';
import type { StageContext, WorkItem } from '../../stages/stage.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { Host } from './host.js';

export interface UnitWork {
  readonly store: ObjectStore;
  readonly stage: StageName;
  readonly units: readonly PlannedUnit[];
  readonly ref: { readonly run: string; readonly revision: number };
  readonly host: Host;
  readonly stop: AbortSignal;
  readonly onProgress: (item: WorkItem, progress: Parameters<StageContext['progress']>[0]) => void;
  /** @param failure why it is quarantined; null: it is committed */
  readonly onEnded: (item: WorkItem, failure: string | null) => void;
}

/** Whether everything was done; false where it was told to stop before. @throws what ends the stage as a whole */
export async function runUnits(work: UnitWork): Promise<boolean> {
  const items = work.units.map(({ item }) => item);
  // What one item cannot get over (a store out of reach) ends the others at their next safe point.
  const failed = new AbortController();
  const stop = AbortSignal.any([work.stop, failed.signal]);
  const lot = lotOf({ ...work, stop }, failed);
  const options = {
    items,
    from: 0,
    recheck: false,
    // One more than compute: while the others train, it reads or uploads.
    concurrency: Math.min(items.length, work.host.slots + 1),
    spoolRoot: work.host.spoolRoot,
    stop,
  };
  let cursor: LotCursor | null = null;
  for (;;) {
    const onCursor = (next: LotCursor): void => {
      cursor = next;
    };
    const counts = await runLotItems({ ...lot, onCursor }, { ...options, previous: ended(cursor) });
    if (counts.finished) return true;
    if (work.stop.aborted) return false;
  }
}

/** What a lot that goes on needs to know of the one before: this process has not died, so no deaths are counted. */
function ended(cursor: LotCursor | null): LotCursor | null {
  return cursor && { ended: cursor.ended, inHand: {} };
}

/** Work over all units in which every progress names its item. */
function lotOf(work: UnitWork, failed: AbortController): LotWork {
  const { store, stage, ref, host, stop } = work;
  const { signal } = new AbortController();
  const parts = new Map(
    work.units.map((unit) => [
      unit.item,
      createLotWork({
        ...{ store, stage, ref, items: [unit], signal, stop },
        mode: 'errored',
        dependencies: host,
        recomputation: randomUUID(),
        onProgress: (progress) => {
          work.onProgress(unit.item, progress);
        },
        onCursor: () => undefined,
      }),
    ]),
  );
  const of = (item: WorkItem): LotWork => parts.get(item) as LotWork;
  return {
    isCommitted: (item) => of(item).isCommitted(item),
    runItem: async (item, spool) => {
      try {
        const result = await of(item).runItem(item, spool);
        if (result.finished) work.onEnded(item, null);
        return result;
      } catch (error) {
        if (!isOwnFault(error)) failed.abort();
        throw error;
      }
    },
    quarantine: async (item, error, attempts) => {
      try {
        await of(item).quarantine(item, error, attempts);
        work.onEnded(item, error.message);
      } catch (fatal) {
        failed.abort();
        throw fatal;
      }
    },
    onCursor: () => undefined,
  };
}

/** Whether a failure is of this item alone, which the lot decides upon. */
function isOwnFault(error: unknown): boolean {
  if (error instanceof DataError) return true;
  return error instanceof AssayError && error.details['childDied'] === true;
}
