// `assay plan` tells the truth: for runs that share parts of what earlier runs made, over random settings and interruptions, what it
// says is missing is what the run then does, and what it cannot know it does not say.
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planRows, type PlanRow } from '../../../cli/orchestration/plan-rows.js';
import { loadRunFile } from '../../../pipeline/files/load.js';
import { resolveRun } from '../../../pipeline/resolve/resolve-run.js';
import { settleRun } from '../../../pipeline/execute/submit.js';
import type { StageName } from '../../../schemas/stages.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';
import { runStages, writeRun } from './pipeline.js';

interface Attempt {
  readonly name: string;
  readonly k: number;
  readonly context: number;
  readonly until: StageName;
  readonly most: number | undefined;
}

const attempts = fc.array(
  fc.record<Attempt>({
    name: fc.constantFrom('one', 'two'),
    k: fc.constantFrom(3, 4),
    context: fc.constantFrom(16, 32),
    until: fc.constantFrom<StageName>('corpus', 'tokens', 'activations', 'index'),
    most: fc.constantFrom(undefined, 1),
  }),
  { minLength: 2, maxLength: 4 },
);

interface Begun {
  readonly todo: number;
  readonly planned: number;
}

/** What `plan` says of the attempt, then what it does. */
async function attempt(store: ObjectStore, folder: string, { name, k, context, until, most }: Attempt) {
  const file = await writeRun(path.join(folder, `${name}-${k}-${context}`), (yaml) =>
    yaml
      .replace('name: small', `name: ${name}`)
      .replace('k: 4', `k: ${k}`)
      .replace('contextTokens: 32', `contextTokens: ${context}`),
  );
  const { runFile, folder: base } = await loadRunFile(file);
  const resolved = await resolveRun(runFile, {
    ...{ folder: base, revision: 1, until, limitDocuments: null, hostId: 'here', nowMs: 0 },
  });
  const rows = await planRows(store, resolved.run, { exact: false, folder: base });
  const { run } = await settleRun(store, resolved, () => Promise.resolve(false));
  const begun = new Map<string, Begun>();
  await runStages(store, run, {
    ...{ folder: base, until, most },
    begun: (step, todo, planned) => begun.set(step, { todo, planned }),
  });
  return { rows, begun };
}

function expectTruth(rows: readonly PlanRow[], begun: ReadonlyMap<string, Begun>, most: number | undefined): void {
  for (const { step, known, planned, cached, missing } of rows) {
    const done = begun.get(step);
    if (!done) continue;
    if (known) {
      expect({ step, planned, cached }).toEqual({ step, planned: done.planned, cached: done.planned - (missing ?? 0) });
      expect(done.todo, step).toBe(Math.min(missing ?? 0, step === rows.at(-1)?.step ? (most ?? Infinity) : Infinity));
    } else if (cached !== null) {
      expect({ step, cached }).toEqual({ step, cached: 0 });
      if (most === undefined) expect(done.todo, step).toBe(done.planned);
    }
  }
}

it(
  'says of every run what it then does, whatever other runs and revisions left in the store',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(attempts, async (list) => {
        const folder = temporaryFolderOfTest('plan-truth');
        const store = createMemoryStore();
        for (const one of list) {
          const { rows, begun } = await attempt(store, folder, one);
          expectTruth(rows, begun, one.most);
        }
      }),
      { numRuns: 4, seed: 7 },
    );
  },
);

it(
  'knows after a change of k what is there already, and marks what it only estimates',
  { timeout: 60_000 },
  async () => {
    const folder = temporaryFolderOfTest('plan-change');
    const store = createMemoryStore();
    const whole = { name: 'one', context: 32, until: 'index', most: undefined } as const;
    const fresh = (await attempt(store, folder, { ...whole, k: 4 })).rows;
    for (const [i, { step, key, known, cached }] of fresh.entries())
      expect({ step, known, cached }).toEqual({ step, known: i === 0, cached: key === null ? null : 0 });
    const { rows } = await attempt(store, folder, { ...whole, k: 3 });
    const of = (stage: StageName): PlanRow | undefined => rows.find((row) => row.stage === stage);
    for (const stage of ['corpus', 'tokens', 'activations'] as const)
      expect(of(stage)).toMatchObject({ known: true, missing: 0, lots: 0 });
    expect(of('activations')).toMatchObject({ bytes: 0, seconds: 0 });
    expect(of('train')).toMatchObject({ known: true, planned: 1, cached: 0, missing: 1 });
    expect(of('encode')).toMatchObject({ known: false, cached: null, missing: null });
  },
);
