// A training file over a few documents in a temporary folder, and its stages run in this process: real stages and records.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Reporter } from '../../../../cli/training/reporter.js';
import { Journal } from '../../../../pipeline/execute/journal.js';
import { isModel, stepEventsOf } from '../../../../pipeline/execute/train-models.js';
import { runStepsHere } from '../../../../pipeline/execute/run-steps.js';
import type { Output } from '../../../../cli/output.js';
import type { StageName } from '../../../../schemas/stages.js';
import { resolveTraining } from '../../../../pipeline/resolve/resolve-training.js';
import type { ResolvedTraining } from '../../../../schemas/resolved-training.js';
import { settleRevision, storeTraining } from '../../../../pipeline/plan/training-records.js';
import { parseTrainingFile } from '../../../../pipeline/files/training-file.js';
import type { StepUnits } from '../../../../stages/step.js';
import { stepsOf } from '../../../../stages/table.js';
import { workOfTraining } from '../../../../stages/work.js';
import { TOKENIZER } from '../../../harness/fixtures.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';
import type { Tasks } from '../../../harness/local-children.js';
import { localHost } from '../../../harness/local-host.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';

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
  run(options?: { readonly only?: string | null; readonly stop?: AbortSignal }): Promise<StepUnits | null>;
}

const SMALL = { architecture: 'gpt2', layers: 1, width: 8, heads: 2, contextTokens: 8 };

/** The smallest model under a name. */
export function small(name: string, more: Fields = {}): Fields {
  return { name, ...SMALL, ...more };
}

/** A resolved and stored training of the running test. `change` of a stage's tasks: what children do otherwise. */
export async function makeProject(
  options: ProjectOptions,
  { store = createMemoryStore(), tasks = {} }: { store?: ObjectStore; tasks?: Tasks } = {},
): Promise<Project> {
  const folder = temporaryFolderOfTest('training');
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
  const output = {
    note: (text: string) => void notes.push(text),
    progress: () => undefined,
  } as unknown as Output;
  return {
    ...{ folder, store, training, called, notes },
    run: async ({ only = null, stop = new AbortController().signal } = {}) => {
      const work = workOfTraining(training);
      const planned = await runStepsHere({
        ...{ store, work, steps: stepsOf(work), stop },
        host: await localHost(folder, { tasks: parts.tasks, called }),
        events: stepEventsOf(new Journal(store, training), new Reporter(output)),
        wanted: (step, units, item) =>
          step.stage !== 'language-model' || only === null || isModel(training, { units, item, only }),
      });
      return planned.get('language-model') ?? null;
    },
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
