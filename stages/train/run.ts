// Runs trainings on the worker's side: reads the pinned commits, serves rows to the compute child, stores checkpoints. One
// call is one link of the chain: it ends at the time limit, when asked to stop, or with the finished dictionaries.
import type { Moments } from '../../core/dictionaries/scale.js';
import { LIMITS } from '../../schemas/orchestration.js';
import { InputError } from '../../schemas/errors.js';
import type { Commit } from '../../schemas/records.js';
import { readSegments } from '../../storage/records/segments.js';
import { type TakenConfig, type TrainConfig, type TrainInputs, sourcesOf } from './config.js';
import type { StageContext, StageOutput, StageResult, StageRun, WorkItem } from '../stage.js';
import { storeTrainingCheckpoint } from '../training-checkpoints.js';
import { fetchCheckpoint } from './checkpoint-files.js';
import {
  TRAIN_TASK,
  type TrainAsks,
  type TrainDictionary,
  type TrainProgress,
  type TrainRequest,
  type TrainResponse,
} from './messages.js';
import { refuseTooLarge, type Trained } from './memory.js';
import { trainingKey } from './plan.js';
import { runTaken } from './taken.js';
import { RowServer } from './row-server.js';
import { shapeOf } from './shape.js';
import { selectTrainingData, type TrainingData } from './training-data.js';

/** The run of the training stage. @param limitMs longest time of one link */
export function createTrainingRun(
  limitMs: number = LIMITS.trainLinkMs,
): StageRun<readonly TrainConfig[] | TakenConfig, TrainInputs> {
  return (item, configs, context) =>
    'aux' in configs
      ? runTaken(item, configs, context)
      : runLink({ item, configs: configsOf(item, configs), context, limitMs });
}

export const runTraining = createTrainingRun();

interface Link {
  readonly item: WorkItem<TrainInputs>;
  readonly configs: readonly [TrainConfig, ...TrainConfig[]];
  readonly context: StageContext;
  readonly limitMs: number;
}

async function runLink(link: Link): Promise<StageResult> {
  const { item, configs, context } = link;
  refuseTooLarge(configs.map(trainedOf), context.children.memoryLimitBytes);
  const commits: Commit[] = [];
  for await (const commit of readSegments(context.store, item.aux.segments ?? [], {
    signal: context.signal,
  }))
    commits.push(commit);
  const { keyed } = configs[0];
  const { sites } = sourcesOf(keyed);
  const { snapshot } = item.inputs;
  const data = selectTrainingData(commits, { sites, runSeed: keyed.runSeed, snapshot });
  const server = openServer(link, data);
  try {
    const request = await makeRequest(link, data);
    const response = await context.children.call<TrainResponse>(TRAIN_TASK, request, {
      signal: context.signal,
      onAsk: (what, question) => answer(what, question, { server, context }),
      onProgress: (value) => context.progress(value as TrainProgress),
    });
    for (const { key, checkpoint } of response.dictionaries)
      if (checkpoint) await storeTrainingCheckpoint(key, checkpoint, context);
    return resultOf(response);
  } finally {
    await server.close();
  }
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

function openServer({ item, configs, context }: Link, data: TrainingData): RowServer {
  const [{ keyed, aux }] = configs;
  return new RowServer({
    order: {
      runSeed: keyed.runSeed,
      tokens: item.inputs.snapshot,
      blockRows: data.fit.map((block) => block.rows),
    },
    fit: data.fit,
    calib: data.calib,
    source: {
      store: context.store,
      objects: data.objects,
      widths: aux.widths,
      dtype: keyed.dtype,
      signal: context.signal,
    },
    spool: context.spool,
  });
}

async function makeRequest({ item, configs, context, limitMs }: Link, data: TrainingData): Promise<TrainRequest> {
  const dictionaries: TrainDictionary[] = [];
  for (const [i, config] of configs.entries()) {
    const key = item.keys[i];
    if (key === undefined)
      throw new InputError(
        `Expected ${configs.length} keys for ${configs.length} dictionaries, found ${item.keys.length}.`,
        { keys: item.keys },
      );
    dictionaries.push({
      key,
      config: config.keyed,
      checkpoint: await fetchCheckpoint(key, context),
    });
  }
  return {
    spool: context.spool,
    shard: item.shard,
    sites: configs[0].aux.widths.map((width, i) => ({ width, moments: data.moments[i] as Moments })),
    model: configs[0].aux.model ?? '',
    snapshot: item.inputs.snapshot,
    blocks: data.fit.map(({ rows, shardRows }) => ({ rows, shardRows })),
    calibRows: data.calib.reduce((sum, block) => sum + block.rows, 0),
    dictionaries,
    limitMs,
  };
}

async function answer(
  what: string,
  question: unknown,
  { server, context }: { readonly server: RowServer; readonly context: StageContext },
): Promise<unknown> {
  const asked = what as keyof TrainAsks;
  switch (asked) {
    case 'superbuffer':
      return server.superbuffer(question as TrainAsks['superbuffer']['request']);
    case 'calib':
      return server.calib();
    case 'proceed':
      return !context.stop.aborted;
  }
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
