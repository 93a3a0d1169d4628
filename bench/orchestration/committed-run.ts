// A run of which everything is committed, written through the stages' own planners and the store's own record writers: what
// `resume` finds in a store after a long run. Records only: the data objects that they name are not there, and nobody asks.
import path from 'node:path';
import { sha256Hex } from '../../core/identity/digest.js';
import { packageRoot } from '../../runtime/package-root.js';
import type { Split } from '../../schemas/stages.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import { runFile } from '../../schemas/run-file.js';
import type { Part } from '../../schemas/stored.js';
import type { CorpusShard } from '../../stages/corpus/statistics.js';
import { createPinnedReader } from '../../stages/pinned.js';
import { initialPlan, withUnits } from '../../pipeline/plan/plan-record.js';
import { writePlan } from '../../storage/records/plan-record.js';
import { resolveRun } from '../../pipeline/resolve/resolve-run.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { storeRun } from '../../pipeline/plan/run-records.js';
import { planSteps, stepsOfRun } from '../../pipeline/plan/steps.js';
import { workOfRun } from '../../stages/work.js';
import type { StepUnits } from '../../stages/step.js';
import type { WorkItem } from '../../stages/stage.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { putCommit } from '../../storage/records/commits.js';
import { putKeyPreimage } from '../../storage/records/key-preimages.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { publishSnapshot } from '../../storage/records/snapshots.js';

export const RUN_NAME = 'committed';

const SITE = 'blocks.2.hook_resid_post';
const SHARD = { documents: 64, tokens: 65_536 };
const WRITES_AT_ONCE = 32;

/** Rows of each table of one shard, as a real one has them, and rows of one of its batches. */
const TABLES: Readonly<Record<string, { readonly rows: number; readonly batch: number }>> = {
  source: { rows: SHARD.documents, batch: 4096 },
  documents: { rows: SHARD.documents, batch: 4096 },
  tokens: { rows: SHARD.tokens, batch: 4096 },
  activations: { rows: SHARD.tokens, batch: 4096 },
  acts: { rows: SHARD.tokens, batch: 4096 },
  postings: { rows: SHARD.tokens * 16, batch: 16_384 },
};

/** Writes the run with this many parts of one shard each; returns the number of commits. */
export async function writeCommittedRun(store: ObjectStore, shards: number): Promise<number> {
  const run = await syntheticRun(shards);
  await storeRun(store, run, []);
  const work = workOfRun(run);
  const steps = stepsOfRun(run);
  let plan = initialPlan(work, steps);
  let commits = 0;
  for (const step of steps) {
    const units = await planSteps(work, [step], createPinnedReader(store, work));
    if (!units) throw new RangeError(`Expected step ${step.id} to be plannable.`);
    commits += await commitStage(store, run, units);
    plan = withUnits(plan, units, new Map());
  }
  await writePlan(store, plan);
  return commits;
}

/** The demo's model and settings with two dictionaries over parts that are only named. */
async function syntheticRun(shards: number): Promise<ResolvedRun> {
  const fixtures = path.join(packageRoot(), 'tests', 'fixtures', 'tiny-lm');
  const sae = { hook: SITE, features: 2048, k: 16, tokens: 3_000_000 };
  const file = runFile.parse({
    name: RUN_NAME,
    store: 'file://./data',
    model: { onnx: 'model.onnx', tokenizer: 'tokenizer.json', contextTokens: 128 },
    corpus: { sources: ['corpus.jsonl.gz'], split: { field: 'split' } },
    activations: { hooks: [SITE] },
    saes: [
      { name: 'a', ...sae },
      { name: 'b', ...sae, k: 32 },
    ],
  });
  const { run } = await resolveRun(file, {
    ...{ folder: fixtures, revision: 1, until: 'index', limitDocuments: null },
    ...{ hostId: 'bench', nowMs: Date.now() },
  });
  const parts = Array.from({ length: shards }, (_, i): Part => ({
    digest: sha256Hex(`part ${i}`),
    bytes: SHARD.tokens * 4,
    location: `/corpus/part-${String(i).padStart(5, '0')}.jsonl`,
    kind: 'file',
    format: 'jsonl',
    compression: 'none',
  }));
  return { ...run, parts };
}

async function commitStage(store: ObjectStore, run: ResolvedRun, units: StepUnits): Promise<number> {
  for (const preimage of units.preimages) await putKeyPreimage(store, preimage);
  let written = 0;
  for (const { group, units: planned } of units.groups) {
    const datasets = units.datasets.filter((d) => d.group === group);
    for (const key of new Set(datasets.map((d) => d.key))) {
      const own = datasets.filter((d) => d.key === key);
      const tables = [...new Set(own.flatMap((d) => d.tables))];
      const items = planned.filter(({ item }) => item.keys.includes(key));
      const commits = await mapParallel(items, WRITES_AT_ONCE, async ({ item }, number) => {
        return (await putCommit(store, commitOf(run, { item, key, tables, number }))).commit;
      });
      written += commits.length;
      for (const { dataset, tables: shown } of own)
        await publishSnapshot(store, {
          ...{ dataset, key, tables: shown, commits, stage: units.stage, revision: run.revision },
          ...{ planned: commits.length, quarantined: 0, complete: true },
        });
    }
  }
  return written;
}

interface CommitInput {
  readonly item: WorkItem;
  readonly key: string;
  readonly tables: readonly string[];
  readonly number: number;
}

function commitOf(run: ResolvedRun, { item, key, tables, number }: CommitInput): Commit {
  const corpus = item.stage === 'corpus' ? corpusShard(number) : null;
  return {
    formatVersion: 1,
    ...{ stage: item.stage, key, input: item.input, inputs: item.inputs },
    ...{ shard: item.shard, split: item.split },
    objects: tables.map((table) => objectOf(table, corpus?.name ?? item.shard, key + item.input)),
    statistics: corpus ? corpusStatistics(corpus) : { tokens: SHARD.tokens },
    engine: null,
    attempt: 'bench',
    wallMs: 1000,
    committedMs: Date.now(),
    producer: { version: '0', host: 'bench', run: run.name, revision: run.revision },
    prereg: null,
  };
}

function corpusShard(number: number): CorpusShard {
  const split: Split = number % 20 === 0 ? 'test' : number % 20 === 1 ? 'calib' : 'fit';
  const name = `${split}-${String(number).padStart(8, '0')}`;
  return { name, split, documents: SHARD.documents, textBytes: SHARD.tokens * 4 };
}

function corpusStatistics(shard: CorpusShard): Record<string, unknown> {
  const { documents, textBytes } = shard;
  const none = { documents: 0, textBytes: 0, shards: 0 };
  const splits = {
    fit: none,
    calib: none,
    test: none,
    [shard.split]: { documents, textBytes, shards: 1 },
  };
  return { documents, textBytes, splits, skipped: {}, skippedExamples: [], shards: [shard] };
}

function objectOf(table: string, shard: string, of: string): ObjectRecord {
  const sha256 = sha256Hex(`${table} ${of}`);
  const { rows, batch } = TABLES[table] ?? { rows: 1, batch: 1 };
  const count = Math.ceil(rows / batch);
  const bytes = batch * 8;
  return {
    ...{ table, shard, sha256, rows },
    key: `data/${sha256.slice(0, 2)}/${sha256}.arrow`,
    bytes: bytes * count,
    batches: Array.from({ length: count }, (_, i) => ({
      offset: 1024 + i * bytes,
      length: bytes,
      rows: Math.min(batch, rows - i * batch),
      min: Math.floor((i * 2048) / count),
      max: Math.floor(((i + 1) * 2048) / count) - 1,
      crc32: (i * 2_654_435_761) % 2 ** 32,
    })),
  };
}
