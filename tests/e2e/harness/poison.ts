// Poison for tests: a model that gives NaN for chosen tokens, where a rare token stands, a child that dies on one shard.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { decodeModel, encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import type { StageName } from '../../../schemas/stages.js';
import { latestSnapshot, readSnapshotCommits } from '../../../storage/records/snapshots.js';
import { readTable } from '../../../storage/tables/read.js';
import { TINY_LM } from '../../harness/fixtures.js';
import type { Project } from './project.js';

const EMBEDDING = 'm.lm_head.weight';

/** Writes the tiny model with NaN as the embedding of `tokens` into the project's folder; returns its path. */
export async function writePoisonedModel({ folder }: Project, tokens: readonly number[]): Promise<string> {
  const source = path.join(TINY_LM, 'model.onnx');
  const model = decodeModel(await readFile(source));
  const weight = model.graph?.initializer.find(({ name }) => name === EMBEDDING);
  if (!model.graph || !weight?.rawData) throw new Error(`no ${EMBEDDING} in ${source}`);
  const width = weight.dims[1] ?? 0;
  const rawData = Buffer.from(weight.rawData);
  for (const token of tokens) for (let i = 0; i < width; i++) rawData.writeFloatLE(NaN, (token * width + i) * 4);
  const initializer = model.graph.initializer.map((tensor) => (tensor === weight ? { ...tensor, rawData } : tensor));
  const file = path.join(folder, 'poisoned.onnx');
  await writeFile(file, joinChunks(encodeModel({ ...model, graph: { ...model.graph, initializer } })));
  return file;
}

export interface RareToken {
  readonly token: number;
  readonly shard: string;
}

/** Tokens that occur in exactly one shard of the fit split and nowhere else: one for each of the first `count` such shards. */
export async function rareTokens(project: Project, count: number): Promise<RareToken[]> {
  const store = await project.openStore();
  const snapshot = await latestSnapshot(store, 'small/tokens');
  if (!snapshot) throw new Error('no tokens yet');
  const shardsOf = new Map<number, Set<string>>();
  for await (const commit of readSnapshotCommits(store, snapshot)) {
    for (const object of commit.objects.filter(({ table }) => table === 'tokens')) {
      const { columns } = await readTable('tokens', (await store.get(object.key)) ?? Buffer.alloc(0));
      for (const token of columns.ids) shardsOf.set(token, (shardsOf.get(token) ?? new Set()).add(commit.shard));
    }
  }
  await store.close();
  const found = new Map<string, number>();
  for (const [token, [shard, ...more]] of [...shardsOf].map(([t, s]) => [t, [...s]] as const))
    if (shard?.includes('-fit-') && more.length === 0 && !found.has(shard)) found.set(shard, token);
  return [...found].slice(0, count).map(([shard, token]) => ({ token, shard }));
}

/** Environment of a worker whose compute children kill themselves whenever they are given `shard` in `stage`. */
export async function deadlyShard(
  { folder }: Project,
  { stage, shard }: { readonly stage: StageName; readonly shard: string },
): Promise<Record<string, string>> {
  const file = path.join(folder, 'kill-on-shard.mjs');
  const code = `process.on('message', (message) => {
  if (message.type === 'call' && message.task === ${JSON.stringify(stage)} && message.request.shard === ${JSON.stringify(shard)})
    process.kill(process.pid, 'SIGKILL');
});
`;
  // Only a child has a channel to its parent; the worker itself is left alone.
  await writeFile(file, `if (process.send) {\n${code}}\n`);
  return { NODE_OPTIONS: `--import ${pathToFileURL(file).href}` };
}

/** What the file holds while no stage hangs. */
const NO_STAGE = 'none';

/** A file of the project that names the stage whose work never ends, one at a time; `env` is for the worker. */
export async function hangingStage({ folder }: Project): Promise<{
  readonly env: Record<string, string>;
  /** From now on a call of a task of that stage (`evaluate`, or `evaluate-sums`) spins for ever, in the child's only thread; null: none does. */
  hang(stage: StageName | null): Promise<void>;
  /** Whether a child spins in it. */
  hangs(stage: StageName): boolean;
}> {
  const file = path.join(folder, 'hang.mjs');
  const wanted = path.join(folder, 'hang.txt');
  const seen = path.join(folder, 'hangs-');
  const code = `import { readFileSync, writeFileSync } from 'node:fs';
if (process.send) process.on('message', (message) => {
  if (message.type !== 'call') return;
  const stage = readFileSync(${JSON.stringify(wanted)}, 'utf8');
  if (message.task !== stage && !message.task.startsWith(stage + '-')) return;
  writeFileSync(${JSON.stringify(seen)} + stage, '');
  for (;;);
});
`;
  await writeFile(file, code);
  await writeFile(wanted, NO_STAGE);
  return {
    env: { NODE_OPTIONS: `--import ${pathToFileURL(file).href}` },
    hang: (stage) => writeFile(wanted, stage ?? NO_STAGE),
    hangs: (stage) => existsSync(seen + stage),
  };
}
