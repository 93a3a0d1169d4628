// Runs one item of the evaluate stage in the worker: fetches what it reads, has the child compute, hands on. Holds no tensors.
import { cpuClass } from '../../runtime/devices.js';
import { ORT_VERSION } from '../../runtime/session.js';
import { fetchModel } from '../../models/fetch-model.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import type { Split } from '../../schemas/stages.js';
import { readSegments } from '../../storage/records/segments.js';
import { FetchAhead } from '../index/fetch-ahead.js';
import type { ChildOutput, StageContext, StageResult, WorkItem } from '../stage.js';
import type { BasisConfig, EvaluateConfig, EvaluateInputs, SumsConfig, TableConfig } from './config.js';
import {
  EVALUATE_TASKS,
  type BasisRequest,
  type StatedMoments,
  type SumsRequest,
  type TableRequest,
} from './messages.js';

/** Most fit rows that principal components are made of. */
const BASIS_ROWS = 2 ** 20;

export async function runEvaluate(
  item: WorkItem<EvaluateInputs>,
  config: EvaluateConfig,
  context: StageContext,
): Promise<StageResult> {
  const [key] = item.keys;
  if (key === undefined) throw new InputError(`Expected one key to measure ${item.shard} under, found none.`);
  const output = await outputOf({ item, key, context }, config);
  const { part } = config.keyed;
  const engine = part === 'table' ? null : { ...config.keyed.engine, ort: ORT_VERSION, cpu: await cpuClass() };
  return { finished: true, outputs: [{ key, ...output, engine }] };
}

interface Item {
  readonly item: WorkItem<EvaluateInputs>;
  readonly key: string;
  readonly context: StageContext;
}

function outputOf(of: Item, config: EvaluateConfig): Promise<ChildOutput> {
  const { keyed, aux } = config;
  switch (keyed.part) {
    case 'basis':
      return runBasis(of, { keyed, aux } as BasisConfig);
    case 'sums':
      return runSums(of, { keyed, aux } as SumsConfig);
    case 'table':
      return runTable(of, { keyed, aux } as TableConfig);
  }
}

async function runBasis({ item, key, context }: Item, config: BasisConfig): Promise<ChildOutput> {
  const commits = await readCommits(item, context);
  const { activationsKeys, measuredKeys, split, components } = config.keyed;
  const fit = commits.filter((commit) => commit.key === activationsKeys[0] && commit.split === 'fit');
  const objects = components ? fit.flatMap((commit) => objectsOf(commit, 'activations')) : [];
  const total = objects.reduce((sum, { rows }) => sum + rows, 0);
  const share = Math.min(1, BASIS_ROWS / Math.max(1, total));
  const texts = commits.filter(({ objects: own }) => own.some(({ table }) => table === 'documents'));
  const documents = texts
    .filter((commit) => commit.split === 'fit')
    .flatMap((commit) => objectsOf(commit, 'documents'));
  const request: BasisRequest = {
    ...{ spool: context.spool, key, config },
    fit: activationsKeys.map((own) => momentsOf(commits, own, 'fit')),
    calib: activationsKeys.map((own) => momentsOf(commits, own, 'calib')),
    measured: measuredKeys.map((own) => momentsOf(commits, own, split)),
    take: objects.map(({ rows }) => Math.ceil(rows * share)),
    documents: texts.length === 0 ? null : documents.length,
  };
  const files = { rows: ahead(objects, context), documents: ahead(documents, context) };
  try {
    return await context.children.call<ChildOutput>(EVALUATE_TASKS.basis, request, {
      signal: context.signal,
      onAsk: (what, asked) => files[what as keyof typeof files].take((asked as { index: number }).index),
      onProgress: (value) => {
        context.progress(value as { rows: number });
      },
    });
  } finally {
    await Promise.all([files.rows.settled(), files.documents.settled()]);
  }
}

async function runSums({ item, key, context }: Item, config: SumsConfig): Promise<ChildOutput> {
  const { aux, keyed } = config;
  const { inputs } = item;
  if (!('activations' in inputs)) throw new InputError(`Expected a shard to measure, found ${item.shard}.`);
  const fetch = (file: Parameters<StageContext['cache']['fetch']>[0]): Promise<string> =>
    context.cache.fetch(file, context.signal);
  const objects = new Map((item.aux.objects ?? []).map((object) => [object.sha256, object]));
  const all = (names: readonly string[]): Promise<string[]> =>
    Promise.all(names.map((name) => fetch(objects.get(name) as ObjectRecord)));
  const activations: string[][] = [];
  for (const names of inputs.activations) activations.push(await all(names));
  const request: SumsRequest = {
    ...{ spool: context.spool, key, shard: item.shard, config, activations },
    ...{ weights: await fetch(aux.weights), basis: await fetch(aux.basis) },
    together: await Promise.all((aux.together ?? []).map((one) => fetch(one.weights))),
    leftOut: aux.leftOut ? await fetch(aux.leftOut) : null,
    ...{ tokens: await all(inputs.tokens), documents: await all(inputs.documents) },
    model:
      keyed.model === null
        ? null
        : await fetchModel(context.cache, { ...aux.model, onnx: aux.model.model }, context.signal),
  };
  return context.children.call<ChildOutput>(EVALUATE_TASKS.sums, request, {
    signal: context.signal,
    onProgress: (value) => {
      context.progress(value as { rows: number });
    },
  });
}

async function runTable({ item, key, context }: Item, config: TableConfig): Promise<ChildOutput> {
  const commits = await readCommits(item, context);
  const files = ahead(
    commits.flatMap((commit) => objectsOf(commit, 'sums')),
    context,
  );
  const shards = commits.map(({ shard }) => ({ shard }));
  const { randomModel: other } = config.aux;
  const randomModel = other ? await context.cache.fetch(other, context.signal) : null;
  const request: TableRequest = { spool: context.spool, key, config, shards, randomModel };
  try {
    return await context.children.call<ChildOutput>(EVALUATE_TASKS.table, request, {
      signal: context.signal,
      onAsk: (_what, asked) => files.take((asked as { index: number }).index),
    });
  } finally {
    await files.settled();
  }
}

function ahead(objects: readonly ObjectRecord[], { cache, signal }: StageContext): FetchAhead<string> {
  return new FetchAhead(objects.length, (index) => {
    const { key, sha256, bytes } = objects[index] as ObjectRecord;
    return cache.fetch({ key, sha256, bytes }, signal);
  });
}

/** The commits of the pinned snapshots in shard order, each once: the order of every sum across shards. */
async function readCommits({ aux }: WorkItem, { store, signal }: StageContext): Promise<Commit[]> {
  const commits = new Map<string, Commit>();
  for await (const commit of readSegments(store, aux.segments ?? [], { signal }))
    commits.set(`${commit.key} ${commit.input}`, commit);
  return [...commits.values()].sort((a, b) => (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0));
}

function objectsOf({ objects }: Commit, table: string): ObjectRecord[] {
  return objects.filter((object) => object.table === table);
}

/** Σ x and Σ‖x‖² over the commits of a site and split, in shard order. @throws DataError where a commit lacks them */
function momentsOf(commits: readonly Commit[], key: string, split: Split): StatedMoments {
  let [rows, sumSq] = [0, 0];
  let sumX: Float64Array | null = null;
  for (const commit of commits) {
    if (commit.key !== key || commit.split !== split) continue;
    const { rows: own, sumX: text, sumSq: squares } = commit.statistics;
    if (typeof own !== 'number' || typeof squares !== 'number' || typeof text !== 'string')
      throw new DataError(
        `Expected rows, sumX and sumSq in the statistics of the activations commit of shard ${commit.shard}, found ${Object.keys(commit.statistics).join(', ')}. Run \`assay resume --mode all --generation 1\`.`,
        { shard: commit.shard },
      );
    const x = new Float64Array(new Uint8Array(Buffer.from(text, 'base64')).buffer);
    sumX = sumX ? sumX.map((value, i) => value + (x[i] as number)) : x;
    rows += own;
    sumSq += squares;
  }
  return { rows, sumX: [...(sumX ?? [])], sumSq };
}
