// The whole pipeline over a few short documents, in this process: real stages, real store records, no Temporal.
import { gzipSync, gunzipSync } from 'node:zlib';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunStage } from '../../../schemas/stages.js';
import { DataError, ResourceError } from '../../../schemas/errors.js';
import { activationsTasks } from '../../../stages/activations/task.js';
import { corpusTasks } from '../../../stages/corpus/task.js';
import { encodeTasks } from '../../../stages/encode/task.js';
import { indexTasks } from '../../../stages/index/task.js';
import { createLotWork } from '../../../pipeline/lot/lot-work.js';
import { loadRunFile } from '../../../pipeline/files/load.js';
import { createPinnedReader } from '../../../pipeline/plan/pinned.js';
import { withStage } from '../../../pipeline/plan/plan-record.js';
import { readPlan, writePlan } from '../../../storage/records/plan-record.js';
import { resolveRun } from '../../../pipeline/resolve/resolve-run.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { stagesOf, storeRun } from '../../../pipeline/plan/run-records.js';
import { planStageUnits, type StageUnits } from '../../../pipeline/plan/stage-units.js';
import type { ComputeChildren, WorkItem } from '../../../stages/stage.js';
import { tokensTasks } from '../../../stages/tokens/task.js';
import { trainTasks } from '../../../stages/train/task.js';
import { openLocalCache } from '../../../storage/cache/local-cache.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { readCommits } from '../../../storage/records/commits.js';
import { appendEvent } from '../../../storage/records/events.js';
import { putKeyPreimage } from '../../../storage/records/key-preimages.js';
import { publishSnapshot } from '../../../storage/records/snapshots.js';

export const TINY_LM = fileURLToPath(new URL('../../fixtures/tiny-lm', import.meta.url));
export const SITE = 'blocks.2.hook_resid_post';

/** Writes a corpus of short beginnings of chapters and a run file over it; returns the run file's path. */
export async function writeRun(folder: string, edit: (yaml: string) => string = (yaml) => yaml): Promise<string> {
  await mkdir(folder, { recursive: true });
  const all = gunzipSync(await readFile(path.join(TINY_LM, 'corpus.jsonl.gz')))
    .toString('utf8')
    .split('\n');
  const documents = all.slice(0, 28).map((line) => {
    const document = JSON.parse(line) as { id: string; split: string; text: string };
    return JSON.stringify({
      id: document.id,
      split: document.split,
      text: document.text.slice(0, 240),
    });
  });
  await writeFile(path.join(folder, 'corpus.jsonl.gz'), gzipSync(documents.join('\n')));
  const yaml = `name: small
store: file://./data
model: { onnx: ${TINY_LM}/model.onnx, tokenizer: ${TINY_LM}/tokenizer.json, contextTokens: 32, prepend: '<|endoftext|>' }
corpus: { sources: [corpus.jsonl.gz], split: { field: split }, shardTokens: 512 }
activations: { hooks: [${SITE}], batchTokens: 512 }
saes:
  - { name: dict, hook: ${SITE}, features: 64, k: 4, tokens: 1024, batchRows: 64 }
index: { topExamples: 8 }
compute: { device: cpu }
`;
  const file = path.join(folder, 'run.yaml');
  await writeFile(file, edit(yaml));
  return file;
}

/** Stores a revision of the run file. */
export async function submitRun(store: ObjectStore, file: string, revision = 1): Promise<ResolvedRun> {
  const { runFile, folder } = await loadRunFile(file);
  const options = {
    folder,
    revision,
    until: 'index',
    limitDocuments: null,
    hostId: 'here',
    nowMs: 0,
  } as const;
  const { run, uploads } = await resolveRun(runFile, options);
  await storeRun(store, run, uploads);
  await appendEvent(store, run, { type: 'started', data: {}, atMs: Date.now() });
  return run;
}

export interface RunStagesOptions {
  readonly folder: string;
  readonly until?: RunStage;
  /** Shards that the last stage does; the dataset then stays incomplete. */
  readonly most?: number;
}

/** Does the run's stages one after the other. */
export async function runStages(store: ObjectStore, run: ResolvedRun, options: RunStagesOptions): Promise<void> {
  const stages = stagesOf(run);
  const last = stages.indexOf(options.until ?? 'index');
  for (const stage of stages.slice(0, last + 1)) {
    const units = await planStageUnits(run, stage, createPinnedReader(store, run.revision));
    if (units === null) throw new ResourceError(`stage ${stage} cannot be planned: the one before is not complete`);
    for (const preimage of units.preimages) await putKeyPreimage(store, preimage);
    const plan = await readPlan(store, run);
    if (plan !== null) await writePlan(store, withStage(plan, units));
    await appendEvent(store, run, { type: 'stage-started', data: { stage }, atMs: Date.now() });
    const most = stage === stages[last] ? (options.most ?? Infinity) : Infinity;
    await runItems(store, run, { units, folder: options.folder, most });
    await publish(store, run, units);
    await appendEvent(store, run, { type: 'stage-finished', data: { stage }, atMs: Date.now() });
  }
  if (options.most === undefined) await appendEvent(store, run, { type: 'completed', data: {}, atMs: Date.now() });
}

interface StageWork {
  readonly units: StageUnits;
  readonly folder: string;
  readonly most: number;
}

async function runItems(store: ObjectStore, run: ResolvedRun, { units, folder, most }: StageWork): Promise<void> {
  const items = units.groups.flatMap((group) => group.units).slice(0, most);
  const cache = openLocalCache({ store, folder: path.join(folder, 'cache'), budgetBytes: 2 ** 30 });
  const { signal } = new AbortController();
  const work = createLotWork({
    ...{ store, stage: units.stage, mode: 'missing', items, signal, stop: signal },
    ref: { run: run.name, revision: run.revision },
    dependencies: { cacheFor: () => cache, children: localChildren, version: 'test' },
    onProgress: () => undefined,
    onCursor: () => undefined,
    recomputation: 'test',
  });
  for (const [index, { item }] of items.entries()) {
    for (let link = 0, finished = false; !finished; link++) {
      if (link > 20) throw new DataError(`item ${item.shard} does not finish`);
      const spool = path.join(folder, 'spool', `${units.stage}-${index}-${link}`);
      await mkdir(spool, { recursive: true });
      ({ finished } = await work.runItem(item, spool));
    }
  }
}

/** Snapshots of the stage's datasets over what is committed. */
async function publish(store: ObjectStore, run: ResolvedRun, units: StageUnits): Promise<void> {
  for (const { dataset, tables, key, group } of units.datasets) {
    const items: WorkItem[] = units.groups
      .filter((g) => g.group === group)
      .flatMap((g) => g.units.map((unit) => unit.item));
    const commits = await readCommits(store, {
      stage: units.stage,
      key,
      inputs: items.map((item) => item.input),
    });
    const complete = commits.length === items.length;
    const rest = {
      commits,
      planned: items.length,
      quarantined: 0,
      revision: run.revision,
      complete,
    };
    await publishSnapshot(store, { dataset, stage: units.stage, key, tables, ...rest });
  }
}

const TASKS: Readonly<Record<string, unknown>> = {
  ...corpusTasks,
  ...tokensTasks,
  ...activationsTasks,
  ...trainTasks,
  ...encodeTasks,
  ...indexTasks,
};

/** The tasks of a compute child, done here. */
const localChildren: ComputeChildren = {
  call: <Response>(task: string, request: unknown, call: Parameters<ComputeChildren['call']>[2]): Promise<Response> => {
    const run = TASKS[task] as (request: unknown, context: unknown) => Promise<Response>;
    const context = {
      stop: new AbortController().signal,
      progress: (value: unknown) => call.onProgress?.(value),
      ask: (what: string, asked: unknown) => call.onAsk?.(what, asked),
    };
    return run(request, context);
  },
  stopAll: () => undefined,
};
