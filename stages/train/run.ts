// Runs the train stage on the worker's side: one link of the training of dictionaries that share a read, or whatever else the stage
// does: taking a dictionary, the steps of frozen experts.
import { LIMITS } from '../../schemas/orchestration.js';
import { InputError } from '../../schemas/errors.js';
import type { Commit } from '../../schemas/records.js';
import { readSegments } from '../../storage/records/segments.js';
import { type TakenConfig, type TrainConfig, type TrainInputs, sourcesOf } from './config.js';
import type { StageContext, StageOutput, StageResult, StageRun, WorkItem } from '../stage.js';
import type { TrainResponse } from './messages.js';
import { refuseTooLarge, type Trained } from './memory.js';
import { trainingKey } from './plan.js';
import type { RoutedConfig, RoutedInputs } from './routed/config.js';
import { runRouted } from './routed/run.js';
import { runTaken } from './taken.js';
import { shapeOf } from './shape.js';
import { selectTrainingData } from './training-data.js';
import { runTrainingLink } from './training-link.js';

/** Settings of an item of the stage. */
type Config = readonly TrainConfig[] | TakenConfig | RoutedConfig;

/** The run of the training stage. @param limitMs longest time of one link */
export function createTrainingRun(limitMs: number = LIMITS.trainLinkMs): StageRun<Config, TrainInputs> {
  return (item, configs, context) => {
    if (!('keyed' in configs)) return runLink({ item, configs: configsOf(item, configs), context, limitMs });
    if ('taken' in configs.keyed) return runTaken(item, configs as TakenConfig, context);
    const routed = { item: item as unknown as WorkItem<RoutedInputs>, context, limitMs };
    return runRouted(routed, configs as RoutedConfig);
  };
}

export const runTraining = createTrainingRun();

interface Link {
  readonly item: WorkItem<TrainInputs>;
  readonly configs: readonly [TrainConfig, ...TrainConfig[]];
  readonly context: StageContext;
  readonly limitMs: number;
}

async function runLink({ item, configs, context, limitMs }: Link): Promise<StageResult> {
  refuseTooLarge(configs.map(trainedOf), context.children.memoryLimitBytes);
  const commits: Commit[] = [];
  for await (const commit of readSegments(context.store, item.aux.segments ?? [], {
    signal: context.signal,
  }))
    commits.push(commit);
  const [{ keyed, aux }] = configs;
  const { sites } = sourcesOf(keyed);
  const { snapshot } = item.inputs;
  const data = selectTrainingData(commits, { sites, runSeed: keyed.runSeed, snapshot });
  const response = await runTrainingLink(
    {
      dictionaries: configs.map((config, i) => ({ key: item.keys[i] as string, config: config.keyed })),
      ...{ data, table: 'activations', widths: aux.widths, model: aux.model ?? '', shard: item.shard },
      ...{ tokens: snapshot, expert: null, limitMs },
    },
    context,
  );
  return resultOf(response);
}

function trainedOf({ keyed, aux }: TrainConfig): Trained {
  const { sae, engine, dtype } = keyed;
  return { name: aux.name, shape: shapeOf(keyed, aux.widths), sae, engine, dtype };
}

function resultOf({ dictionaries, engine }: TrainResponse): StageResult {
  const outputs = dictionaries.flatMap(({ key, output }): StageOutput[] =>
    output ? [{ key, ...output, engine }] : [],
  );
  return outputs.length === dictionaries.length ? { finished: true, outputs } : { finished: false, outputs: [] };
}

/** The settings of the item's keys, in the order of the keys: a dictionary that is committed already has no key here. */
function configsOf(
  item: WorkItem<TrainInputs>,
  configs: readonly TrainConfig[],
): readonly [TrainConfig, ...TrainConfig[]] {
  const byKey = new Map(configs.map((config) => [trainingKey(config, item.inputs.snapshot).key, config]));
  const [first, ...rest] = item.keys.map((key) => byKey.get(key));
  if (first && rest.every((config) => config !== undefined)) return [first, ...rest];
  throw new InputError(
    `Expected settings for each of the ${item.keys.length} dictionaries to train, found ${configs.length} that belong to other keys; the lot was planned by another version: resume the run.`,
    { keys: item.keys },
  );
}
