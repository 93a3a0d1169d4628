// Builds the activities over a process's dependencies and gives each the same error border.
import { Context } from '@temporalio/activity';
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

/** The activity, with heartbeats for as long as it takes. */
function beating<Input, Output>(
  activity: (input: Input, dependencies: ActivityDependencies) => Promise<Output>,
): typeof activity {
  return async (input, dependencies) => {
    const stopHeart = startHeart();
    try {
      return await activity(input, dependencies);
    } finally {
      stopHeart();
    }
  };
}
