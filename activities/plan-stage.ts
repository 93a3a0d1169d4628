// Plans one step of a run and stores what is to do as a manifest.
import { Context } from '@temporalio/activity';
import type { StagePlanned } from '../schemas/messages.js';
import { planStep } from '../pipeline/execute/plan-step.js';
import { readResolvedRun } from '../storage/records/resolved-runs.js';
import type { ActivityDependencies } from './dependencies.js';
import type { Activities } from './messages.js';

export async function planStageActivity(
  { ref, stage, step, mode }: Parameters<Activities['planStage']>[0],
  dependencies: ActivityDependencies,
): Promise<StagePlanned> {
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  const run = await readResolvedRun(store, { name: ref.run, revision: ref.revision });
  const { slots } = dependencies;
  const { cancellationSignal } = Context.current();
  const fetch = (object: Parameters<ReturnType<typeof dependencies.cacheFor>['fetch']>[0]): Promise<string> =>
    dependencies.cacheFor(store).fetch(object, cancellationSignal);
  return planStep({
    ...{ store, run, step: step ?? stage, mode, slots, fetch, signal: cancellationSignal },
    onWait: ({ owner, sinceMs }) => {
      dependencies.log.info({ run: ref.run, stage, owner, sinceMs }, 'waiting for the end of a collection of garbage');
    },
  });
}
