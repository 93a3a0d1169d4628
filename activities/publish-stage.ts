// Publishes what a step has committed so far, by its stored manifest.
import type { StageFinished } from '../schemas/messages.js';
import { publish } from '../pipeline/execute/publish.js';
import { readDatasets } from '../pipeline/lot/manifest.js';
import type { ActivityDependencies } from './dependencies.js';
import type { Activities } from './messages.js';

export async function publishStageActivity(
  { ref, stage, manifest, complete }: Parameters<Activities['publishStage']>[0],
  dependencies: ActivityDependencies,
): Promise<StageFinished> {
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  const { datasets, inputsOf } = await readDatasets(store, manifest);
  return publish(store, {
    ...{ stage, revision: ref.revision, as: complete ? 'whole' : 'growing' },
    datasets: datasets.map(({ inputs, ...rest }) => ({ ...rest, planned: () => inputsOf(inputs) })),
  });
}
