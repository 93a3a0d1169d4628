// A training file over a few documents in a temporary folder, and its stages run in this process: real stages and records.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Journal } from '../../../../cli/training/journal.js';
import { Reporter } from '../../../../cli/training/reporter.js';
import { runTraining, type TrainingRun } from '../../../../cli/training/run-training.js';
import type { Output } from '../../../../cli/output.js';
import type { Workshop } from '../../../../cli/training/workshop.js';
import type { StageName } from '../../../../schemas/stages.js';
import { corpusTasks } from '../../../../stages/corpus/task.js';
import { languageModelTasks } from '../../../../stages/language-model/task.js';
import { resolveTraining, type ResolvedTraining } from '../../../../pipeline/resolve/resolve-training.js';
import { settleRevision, storeTraining } from '../../../../pipeline/plan/training-records.js';
import { parseTrainingFile } from '../../../../pipeline/files/training-file.js';
import type { StageUnits } from '../../../../pipeline/plan/stage-units.js';
import type { ComputeChildren } from '../../../../stages/stage.js';
import { streamTasks } from '../../../../stages/stream/task.js';
import { tokensTasks } from '../../../../stages/tokens/task.js';
import { openLocalCache } from '../../../../storage/cache/local-cache.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';

export const TOKENIZER = fileURLToPath(new URL('../../../fixtures/tiny-lm/tokenizer.json', import.meta.url));

type Fields = Readonly<Record<string, unknown>>;

export interface ProjectOptions {
  /** Documents of each part of the corpus. */
  readonly parts: readonly (readonly Fields[])[];
  readonly seed?: number;
  readonly corpus?: Fields;
  readonly training?: Fields;
  readonly models?: readonly Fields[];
}

export interface Project {
  readonly folder: string;
  readonly store: ObjectStore;
  readonly training: ResolvedTraining;
  /** Tasks that children were called for. */
  readonly called: string[];
  /** What was told to people. */
  readonly notes: string[];
  run(options?: Partial<Pick<TrainingRun, 'only' | 'stop'>>): Promise<StageUnits | null>;
}

const SMALL = { architecture: 'gpt2', layers: 1, width: 8, heads: 2, contextTokens: 8 };

/** The smallest model under a name. */
export function small(name: string, more: Fields = {}): Fields {
  return { name, ...SMALL, ...more };
}

/** A resolved and stored training. `change` of a stage's tasks: what children do otherwise. */
export async function makeProject(
  options: ProjectOptions,
  { store = createMemoryStore(), tasks = {} }: { store?: ObjectStore; tasks?: Tasks } = {},
): Promise<Project> {
  const folder = await mkdtemp(path.join(tmpdir(), 'training-project-'));
  const sources: string[] = [];
  for (const [i, documents] of options.parts.entries()) {
    sources.push(`part-${i}.jsonl`);
    const lines = documents.map((document) => JSON.stringify(document));
    await writeFile(path.join(folder, `part-${i}.jsonl`), lines.join('\n'));
  }
  const text = JSON.stringify({
    ...{ name: 't', seed: options.seed ?? 0, tokenizer: TOKENIZER },
    corpus: { sources, split: { field: 'split' }, shardTokens: 64, ...options.corpus },
    models: options.models ?? [small('m')],
    training: { steps: 3, batch: 2, ...options.training },
    compute: { device: 'cpu' },
  });
  const file = parseTrainingFile(text, 't.yaml');
  const resolved = await resolveTraining(file, { folder, store, revision: 1 });
  const { training } = await settleRevision(store, resolved.training);
  await storeTraining(store, training, resolved.uploads);
  return inProcess({ folder, store, training, tasks });
}

export type Tasks = Readonly<Record<string, (request: never, context: never) => Promise<unknown>>>;

/** A resolved training whose children work in this process. */
export function inProcess(parts: {
  readonly folder: string;
  readonly store: ObjectStore;
  readonly training: ResolvedTraining;
  readonly tasks?: Tasks;
}): Project {
  const { folder, store, training } = parts;
  const called: string[] = [];
  const notes: string[] = [];
  const all: Tasks = { ...corpusTasks, ...tokensTasks, ...streamTasks, ...languageModelTasks, ...parts.tasks };
  const children: ComputeChildren = {
    stopAll: () => undefined,
    call: async <Response>(...[task, request, call]: Parameters<ComputeChildren['call']>) => {
      called.push(task);
      const context = {
        stop: new AbortController().signal,
        progress: (value: unknown) => call.onProgress?.(value),
        ask: (what: string, asked: unknown) => call.onAsk?.(what, asked),
      };
      return (await all[task]?.(request as never, context as never)) as Response;
    },
  };
  const workshop: Workshop = {
    ...{ children, slots: 2, version: 'test', spoolRoot: path.join(folder, 'spool') },
    cache: openLocalCache({ store, folder: path.join(folder, 'cache'), budgetBytes: 2 ** 30 }),
    close: () => Promise.resolve(),
  };
  const output = {
    note: (text: string) => void notes.push(text),
    progress: () => undefined,
  } as unknown as Output;
  return {
    ...{ folder, store, training, called, notes },
    run: ({ only = null, stop = new AbortController().signal } = {}) =>
      runTraining({
        ...{ store, training, workshop, only, stop },
        journal: new Journal(store, training),
        reporter: new Reporter(output),
      }),
  };
}

/** Runs the stages before and with the named one. */
export async function trainUntil(project: Project, last: StageName): Promise<void> {
  const stop = new AbortController();
  const order: readonly StageName[] = ['corpus', 'tokens', 'stream', 'language-model'];
  const next = order[order.indexOf(last) + 1];
  const { notes } = project;
  const push = notes.push.bind(notes);
  // A stage begins with a note: that of the next one is where this ends.
  notes.push = (...texts: string[]): number => {
    if (next !== undefined && texts.some((text) => text.startsWith(next))) stop.abort();
    return push(...texts);
  };
  await project.run({ stop: stop.signal });
}
