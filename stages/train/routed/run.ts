// Runs one item of the steps that make a dictionary of frozen experts, on the worker's side: fetches what it reads, has the child compute,
// hands on. Holds no tensors but the router.
import path from 'node:path';
import { expertSettings } from '../../../core/dictionaries/settings.js';
import { digestOf } from '../../../core/identity/digest.js';
import { feistelPermutation } from '../../../core/tensor/feistel.js';
import { cpuClass } from '../../../runtime/devices.js';
import { ORT_VERSION } from '../../../runtime/session.js';
import { DataError, InputError } from '../../../schemas/errors.js';
import type { Commit, ObjectRecord } from '../../../schemas/records.js';
import { readSegments } from '../../../storage/records/segments.js';
import type { ChildOutput, StageContext, StageOutput, StageResult, WorkItem } from '../../stage.js';
import type { Block } from '../messages.js';
import { refuseTooLarge } from '../memory.js';
import { writeRowFile } from '../row-file.js';
import { shapeOf } from '../shape.js';
import { selectTrainingData } from '../training-data.js';
import { runTrainingLink } from '../training-link.js';
import type { ExpertConfig, JoinConfig, RoutedConfig, RoutedInputs, RoutesConfig, RowsConfig } from './config.js';
import { selectExpertData } from './expert-data.js';
import { sampleRows } from './sample.js';
import { ROUTED_TASKS, type ExpertAsk, type JoinRequest, type RoutesRequest, type RowsRequest } from './messages.js';
import { expertShard } from './names.js';
import { readRoutes } from './routes-file.js';

export interface RoutedItem {
  readonly item: WorkItem<RoutedInputs>;
  readonly context: StageContext;
  /** Longest time of one link of an expert's training. */
  readonly limitMs: number;
}

/** One item of the steps of frozen experts. */
export async function runRouted(of: RoutedItem, config: RoutedConfig): Promise<StageResult> {
  const { keyed, aux } = config;
  switch (keyed.part) {
    case 'routes':
      return finished(of, config, await runRoutes(of, { keyed, aux }));
    case 'rows':
      return finished(of, config, await runRows(of, { keyed, aux } as RowsConfig));
    case 'experts':
      return runExpert(of, { keyed, aux } as ExpertConfig);
    case 'join':
      return finished(of, config, await runJoin(of, { keyed, aux } as JoinConfig));
  }
}

async function finished({ item }: RoutedItem, { keyed }: RoutedConfig, output: ChildOutput): Promise<StageResult> {
  const engine = { ...keyed.engine, ort: ORT_VERSION, cpu: await cpuClass() };
  // Joining copies bytes and computes nothing.
  const outputs: StageOutput[] = [{ key: keyOf(item), ...output, engine: keyed.part === 'join' ? null : engine }];
  return { finished: true, outputs };
}

async function runRoutes(of: RoutedItem, config: RoutesConfig): Promise<ChildOutput> {
  const { item, context } = of;
  const { activationsKey, runSeed, dtype, experts } = config.keyed;
  const { width, site } = config.aux;
  const snapshot = snapshotOf(item);
  const commits = await readCommits(of);
  const data = selectTrainingData(commits, { sites: [{ activationsKey, site }], runSeed, snapshot });
  const blocks = sampleBlocks(data.fit, { width, experts, runSeed, snapshot });
  const { store, spool, signal } = context;
  const source = { store, table: 'activations' as const, objects: data.objects, widths: [width], dtype, signal };
  const rows = await writeRowFile(path.join(spool, 'sample.rows'), blocks, source);
  const [moments] = data.moments;
  if (!moments) throw new DataError(`Expected moments of the fit rows of ${site}, found none.`, { site });
  const request: RoutesRequest = { spool, key: keyOf(item), shard: item.shard, config, rows, moments };
  return context.children.call<ChildOutput>(ROUTED_TASKS.routes, request, { signal });
}

interface Sampled {
  readonly width: number;
  readonly experts: number;
  readonly runSeed: number;
  readonly snapshot: string;
}

/** Blocks that clusters are found on, drawn by key; all where they are few. */
function sampleBlocks(fit: readonly Block[], { width, experts, runSeed, snapshot }: Sampled): Block[] {
  const most = sampleRows({ width, experts });
  const at = feistelPermutation(fit.length, 'routes', runSeed, snapshot);
  const chosen: Block[] = [];
  let rows = 0;
  for (let i = 0; i < fit.length; i++) {
    const block = fit[at(i)] as Block;
    if (chosen.length > 0 && rows + block.rows > most) break;
    rows += block.rows;
    chosen.push(block);
  }
  return chosen;
}

async function runRows({ item, context }: RoutedItem, config: RowsConfig): Promise<ChildOutput> {
  const { spool, signal, cache } = context;
  const activations: string[] = [];
  for (const object of item.aux.objects ?? []) activations.push(await cache.fetch(object, signal));
  const request: RowsRequest = {
    ...{ spool, key: keyOf(item), shard: item.shard, config, activations },
    routes: await cache.fetch(config.aux.routes, signal),
  };
  return context.children.call<ChildOutput>(ROUTED_TASKS.rows, request, {
    signal,
    onProgress: (value) => {
      context.progress(value as { rows: number });
    },
  });
}

/** One link of one expert's training. Its checkpoints and its order of rows are its own; its commit stands under the key of all experts. */
async function runExpert(of: RoutedItem, { keyed, aux }: ExpertConfig): Promise<StageResult> {
  const { item, context, limitMs } = of;
  const { inputs } = item;
  if (!('expert' in inputs)) throw new InputError(`Expected an expert to train, found ${item.shard}.`);
  const { expert, snapshot } = inputs;
  const { sae, site, activationsKey, dtype, runSeed, engine } = keyed;
  const own = expertSettings(sae);
  const routes = await readRoutes(await context.cache.fetch(aux.routes, context.signal));
  const tokens = digestOf({ snapshot, expert });
  const { moments } = routes;
  const { batchRows } = own;
  const config = { activationsKey, site, dtype, runSeed, sae: own, engine };
  const shape = shapeOf(config, [aux.width]);
  refuseTooLarge([{ name: aux.name, shape, sae: own, engine, dtype }], context.children.memoryLimitBytes);
  const commits = await readCommits(of);
  const data = selectExpertData(commits, { expert, batchRows, runSeed, snapshot: tokens, moments });
  const key = digestOf({ key: keyOf(item), expert });
  const response = await runTrainingLink(
    {
      ...{ dictionaries: [{ key, config }], data, table: 'routed', widths: [aux.width], model: aux.model },
      ...{ shard: expertShard(expert), tokens, limitMs },
      expert: {
        firstFeature: expert * own.features,
        mean: routes.means.slice(expert * aux.width, (expert + 1) * aux.width),
      },
    },
    context,
  );
  const [trained] = response.dictionaries;
  if (!trained?.output) return { finished: false, outputs: [] };
  return { finished: true, outputs: [{ key: keyOf(item), ...trained.output, engine: response.engine }] };
}

async function runJoin(of: RoutedItem, config: JoinConfig): Promise<ChildOutput> {
  const { item, context } = of;
  const { spool, signal, cache } = context;
  const commits = await readCommits(of);
  const request: JoinRequest = {
    ...{ spool, key: keyOf(item), shard: item.shard, config },
    routes: await cache.fetch(config.aux.routes, signal),
    statistics: commits.map(({ statistics }) => statistics),
  };
  return context.children.call<ChildOutput>(ROUTED_TASKS.join, request, {
    signal,
    onAsk: (_what, asked) => {
      const { expert, table } = asked as ExpertAsk;
      return cache.fetch(objectOf(commits[expert], table), signal);
    },
  });
}

function objectOf(commit: Commit | undefined, table: string): ObjectRecord {
  const object = commit?.objects.find((one) => one.table === table);
  if (object) return object;
  throw new DataError(
    `Expected an object "${table}" of every expert, found none of ${commit?.shard ?? 'one of them'}; run \`assay verify\`.`,
    { table },
  );
}

/** Commits of the pinned snapshot in the order of shards. */
async function readCommits({ item, context }: RoutedItem): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of readSegments(context.store, item.aux.segments ?? [], { signal: context.signal }))
    commits.push(commit);
  return commits.sort((a, b) => (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0));
}

function snapshotOf({ inputs, shard }: WorkItem<RoutedInputs>): string {
  if ('snapshot' in inputs) return inputs.snapshot;
  throw new InputError(`Expected the digest of what ${shard} reads, found none.`);
}

function keyOf({ keys, shard }: WorkItem<RoutedInputs>): string {
  const [key] = keys;
  if (key !== undefined) return key;
  throw new InputError(`Expected one key to work under, found none for ${shard}.`);
}
