// The whole pipeline over a few short documents, in this process: real stages, real store records, no Temporal.
import { gzipSync, gunzipSync } from 'node:zlib';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { StageName } from '../../../schemas/stages.js';
import { loadRunFile } from '../../../pipeline/files/load.js';
import { resolveRun } from '../../../pipeline/resolve/resolve-run.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { runStepsHere } from '../../../pipeline/execute/run-steps.js';
import { storeRun } from '../../../pipeline/plan/run-records.js';
import { stepsOfRun } from '../../../pipeline/plan/steps.js';
import { evaluateStage } from '../../../stages/evaluate/stage.js';
import { dictionaryLookup } from '../../../stages/train/stored-dictionary.js';
import { workOfRun } from '../../../stages/work.js';
import { TINY_LM, TOKENIZER } from '../../harness/fixtures.js';
import { localHost } from '../../harness/local-host.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { openLocalCache } from '../../../storage/cache/local-cache.js';
import { appendEvent } from '../../../storage/records/events.js';

export const SITE = 'blocks.2.hook_resid_post';

let chapters: Promise<Buffer> | undefined;
/** A corpus of short beginnings of chapters, compressed. */
async function shortChapters(): Promise<Buffer> {
  const text = gunzipSync(await readFile(path.join(TINY_LM, 'corpus.jsonl.gz'))).toString('utf8');
  const documents = text
    .split('\n', 28)
    .map((line) => JSON.parse(line) as { id: string; split: string; text: string })
    .map(({ id, split, text: whole }) => JSON.stringify({ id, split, text: whole.slice(0, 240) }));
  return gzipSync(documents.join('\n'));
}

/** Writes a corpus of short beginnings of chapters and a run file over it; returns the run file's path. */
export async function writeRun(folder: string, edit: (yaml: string) => string = (yaml) => yaml): Promise<string> {
  await mkdir(folder, { recursive: true });
  chapters ??= shortChapters();
  await writeFile(path.join(folder, 'corpus.jsonl.gz'), await chapters);
  const yaml = `name: small
store: file://./data
model: { onnx: ${TINY_LM}/model.onnx, tokenizer: ${TOKENIZER}, contextTokens: 32, prepend: '<|endoftext|>' }
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
    dictionary: dictionaryLookup({
      ...{ store, signal: new AbortController().signal },
      cache: openLocalCache({ store, folder: path.join(folder, 'copies'), budgetBytes: 2 ** 30 }),
    }),
  } as const;
  const { run, uploads } = await resolveRun(runFile, options);
  await storeRun(store, run, uploads);
  await appendEvent(store, run, { type: 'started', data: {}, atMs: Date.now() });
  return run;
}

export interface RunStagesOptions {
  readonly folder: string;
  readonly until?: StageName;
  /** Shards that the last stage does; the dataset then stays incomplete. */
  readonly most?: number | undefined;
  /** Told what every step that is reached has left to do. */
  readonly begun?: (step: string, todo: number, planned: number) => void;
}

/** Does the run's steps with the executor that commands use, over children in this process. */
export async function runStages(store: ObjectStore, run: ResolvedRun, options: RunStagesOptions): Promise<void> {
  const { folder, until = 'index', most = Infinity } = options;
  const work = workOfRun(run);
  const steps = stepsOfRun({ ...run, until });
  const left = new Map<string, number>();
  await runStepsHere({
    ...{ store, work, steps, host: await localHost(folder), stop: new AbortController().signal },
    events: {
      begin: async ({ stage, id }, units, todo) => {
        options.begun?.(
          id,
          todo.length,
          units.groups.reduce((sum, group) => sum + group.units.length, 0),
        );
        await appendEvent(store, run, { type: 'stage-started', data: { stage }, atMs: Date.now() });
      },
      progress: () => undefined,
      ended: () => undefined,
      finished: async ({ stage }) => {
        await appendEvent(store, run, { type: 'stage-finished', data: { stage }, atMs: Date.now() });
      },
    },
    wanted: ({ stage, id }) => {
      if (stage !== until) return true;
      const count = (left.get(id) ?? 0) + 1;
      left.set(id, count);
      return count <= most;
    },
  });
  if (options.most === undefined) await appendEvent(store, run, { type: 'completed', data: {}, atMs: Date.now() });
}

/** Measures the run's dictionary on the test split, as `sae eval` does. */
export async function evaluateHere(store: ObjectStore, run: ResolvedRun, folder: string): Promise<void> {
  const request = { dictionary: 'dict', split: 'test', resamples: 200, seed: 0, corpus: null } as const;
  const work = { ...workOfRun(run), evaluations: [request] };
  await runStepsHere({
    ...{ store, work, steps: evaluateStage.steps(work) },
    ...{ host: await localHost(folder), stop: new AbortController().signal },
    events: {
      begin: () => Promise.resolve(),
      progress: () => undefined,
      ended: () => undefined,
      finished: () => Promise.resolve(),
    },
  });
}
