// Builds the activities over a process's dependencies and gives each the same error border.
import { Context } from '@temporalio/activity';
import { boundStore } from '../storage/objects/bound-store.js';
import type { ObjectStore } from '../storage/objects/object-store.js';
import type { ActivityDependencies } from './dependencies.js';
import { toFailure } from './failure.js';
import { startHeart } from './heart.js';
import { isQueueServedActivity } from './is-queue-served.js';
import type { Activities } from './messages.js';
import { planStageActivity } from './plan-stage.js';
import { prepareMemberActivity } from './prepare-member.js';
import { prepareScheduledRunActivity } from './prepare-scheduled-run.js';
import { publishStageActivity } from './publish-stage.js';
import { recordEventActivity } from './record-event.js';
import { overdue } from './release.js';
import { runLotActivity } from './run-lot.js';

export function createActivities(dependencies: ActivityDependencies): Activities {
  const border =
    <Input, Output>(activity: (input: Input, dependencies: ActivityDependencies) => Promise<Output>) =>
    async (input: Input): Promise<Output> => {
      try {
        return await activity(input, dependencies);
      } catch (error) {
        const failure = toFailure(error, Context.current().info.attempt);
        dependencies.log.warn({ activity: Context.current().info.activityType, err: error }, failure.message);
        throw failure;
      }
    };
  return {
    planStage: border(beating(planStageActivity)),
    // Its heartbeats carry its cursor.
    runLot: border(runLotActivity),
    publishStage: border(beating(publishStageActivity)),
    recordEvent: border(beating(recordEventActivity)),
    isQueueServed: border(beating(isQueueServedActivity)),
    prepareScheduledRun: border(beating(prepareScheduledRunActivity)),
    prepareMember: border(beating(prepareMemberActivity)),
  };
}

/** An activity that is told to end and does not within this time goes on unseen; its store takes nothing more from it. */
const OBEY_MS = 2000;

/** The activity, with heartbeats for as long as it takes; ended soon after it was cancelled. */
function beating<Input, Output>(
  activity: (input: Input, dependencies: ActivityDependencies) => Promise<Output>,
): typeof activity {
  return async (input, dependencies) => {
    const stopHeart = startHeart();
    const late = overdue(Context.current().cancellationSignal, OBEY_MS);
    try {
      return await Promise.race([activity(input, bound(dependencies)), late.rejected]);
    } finally {
      late.end();
      stopHeart();
    }
  };
}

/** Dependencies whose stores end with the activity's cancellation; caches, which outlive it, keep the stores themselves. */
function bound(dependencies: ActivityDependencies): ActivityDependencies {
  const { cancellationSignal } = Context.current();
  const whole = new WeakMap<ObjectStore, ObjectStore>();
  return {
    ...dependencies,
    openStore: async (url, options) => {
      const store = await dependencies.openStore(url, options);
      const own = boundStore(store, cancellationSignal);
      whole.set(own, store);
      return own;
    },
    cacheFor: (store) => dependencies.cacheFor(whole.get(store) ?? store),
  };
}
