// One link of a training's chain on the worker's side: serves rows to the compute child, stores checkpoints. It ends at the time
// limit, when asked to stop, or with the finished dictionaries.
import type { Moments } from '../../core/dictionaries/scale.js';
import { storeTrainingCheckpoint } from '../training-checkpoints.js';
import type { StageContext } from '../stage.js';
import { fetchCheckpoint } from './checkpoint-files.js';
import type { TrainConfig } from './config.js';
import {
  TRAIN_TASK,
  type TrainAsks,
  type TrainDictionary,
  type TrainProgress,
  type TrainRequest,
  type TrainResponse,
  type TrainedExpert,
} from './messages.js';
import type { RowSource } from './row-file.js';
import { RowServer } from './row-server.js';
import type { TrainingData } from './training-data.js';

export interface TrainingLink {
  /** Dictionaries of the same sites, each under the key of its checkpoints. */
  readonly dictionaries: readonly { readonly key: string; readonly config: TrainConfig['keyed'] }[];
  readonly data: TrainingData;
  readonly table: RowSource['table'];
  /** Of the sites whose rows are fed. */
  readonly widths: readonly number[];
  /** Model reference of the activations. */
  readonly model: string;
  /** Shard name of the outputs. */
  readonly shard: string;
  /** Keys the data order: digest of what is read. */
  readonly tokens: string;
  readonly expert: TrainedExpert | null;
  readonly limitMs: number;
}

/** What became of the dictionaries; their checkpoints are stored. */
export async function runTrainingLink(link: TrainingLink, context: StageContext): Promise<TrainResponse> {
  const server = openServer(link, context);
  try {
    const request = await makeRequest(link, context);
    const response = await context.children.call<TrainResponse>(TRAIN_TASK, request, {
      signal: context.signal,
      onAsk: (what, question) => answer(what, question, { server, context }),
      onProgress: (value) => context.progress(value as TrainProgress),
    });
    for (const { key, checkpoint } of response.dictionaries)
      if (checkpoint) await storeTrainingCheckpoint(key, checkpoint, context);
    return response;
  } finally {
    await server.close();
  }
}

function openServer({ dictionaries, data, table, widths, tokens }: TrainingLink, context: StageContext): RowServer {
  const { runSeed, dtype } = (dictionaries[0] as TrainingLink['dictionaries'][number]).config;
  return new RowServer({
    order: { runSeed, tokens, blockRows: data.fit.map((block) => block.rows) },
    fit: data.fit,
    calib: data.calib,
    source: { store: context.store, table, objects: data.objects, widths, dtype, signal: context.signal },
    spool: context.spool,
  });
}

async function makeRequest(link: TrainingLink, context: StageContext): Promise<TrainRequest> {
  const { data, widths, model, shard, tokens, expert, limitMs } = link;
  const dictionaries: TrainDictionary[] = [];
  for (const { key, config } of link.dictionaries)
    dictionaries.push({ key, config, checkpoint: await fetchCheckpoint(key, context) });
  return {
    ...{ spool: context.spool, shard, model, snapshot: tokens, dictionaries, expert, limitMs },
    sites: widths.map((width, i) => ({ width, moments: data.moments[i] as Moments })),
    blocks: data.fit.map(({ rows, shardRows }) => ({ rows, shardRows })),
    calibRows: data.calib.reduce((sum, block) => sum + block.rows, 0),
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
