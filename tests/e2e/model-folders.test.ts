// Folders as `save_pretrained` writes them (tests/fixtures/folders), one of each family, through one suite of the real command line
// on a path without Python: extracted, a dictionary trained and indexed; the stored rows are the values of `assay model run`.
import { copyFile, cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { asFloat32, decodeSafetensors } from '../../core/tensor/safetensors.js';
import { latestSnapshot, readSnapshotCommits } from '../../storage/records/snapshots.js';
import { readActivations, readTable } from '../../storage/tables/read.js';
import { FOLDERS } from '../harness/fixtures.js';
import { runOf, type Project } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';

const FAMILIES = ['gpt2', 'neox', 'llama', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3'] as const;
const SITE = 'blocks.1.hook_resid_post';
const CONTEXT = 16;
/** Made of words that tokenizer-100.json knows. */
const SENTENCES = [
  'the cat sat on the mat and the dog ran to the red house',
  'one two three four five six seven eight nine ten',
  'a small boat on a wide lake',
];

const scene = useScene();
let project: Project;

beforeAll(async () => {
  project = await scene.project({ env: { PATH: path.dirname(process.execPath) } });
  for (const family of FAMILIES) {
    const model = path.join(project.folder, family);
    await cp(path.join(FOLDERS, family), model, { recursive: true });
    await copyFile(path.join(FOLDERS, 'tokenizer-100.json'), path.join(model, 'tokenizer.json'));
  }
  const documents = Array.from({ length: 60 }, (_, i) => ({
    id: `d${i}`,
    split: i % 6 === 5 ? 'test' : i % 6 === 4 ? 'calib' : 'fit',
    text: `${SENTENCES[i % 3] ?? ''} ${SENTENCES[(i * 7) % 3] ?? ''}`,
  }));
  const lines = documents.map((document) => `${JSON.stringify(document)}\n`);
  await writeFile(path.join(project.folder, 'corpus.jsonl'), lines.join(''));
  const saes = [{ name: 'sae', hook: SITE, features: 64, k: 4, tokens: 10_000, batchRows: 128 }];
  const { model: _, ...run } = runOf({
    run: { name: 'of-{{family}}', activations: { hooks: [SITE], dtype: 'float32', dropPositions: [] } },
  });
  const suite = {
    ...{ ...run, saes, model: { folder: '{{family}}', contextTokens: CONTEXT, prepend: null } },
    ...{ suite: 'families', matrix: { family: FAMILIES }, parallel: 3 },
  };
  await writeFile(path.join(project.folder, 'families.yaml'), stringify(suite));
  await scene.worker(project, { slots: 2 });
}, 120_000);

describe('a suite over a folder of each family', () => {
  it('completes', async () => {
    const result = await project.assay('run', 'families.yaml', '--follow', '--workers', '0');
    succeeded(result);
    expect(result.stdout + result.stderr).toContain('8 of 8 complete');
    const names = Object.keys(await project.digests());
    expect(names).toEqual(expect.arrayContaining(FAMILIES.map((family) => `of-${family}/sae/top`)));
  }, 400_000);

  it.each(FAMILIES)('%s: the stored rows are the values of `model run`', async (family) => {
    const { ids, rows } = await firstSequence(family);
    await writeFile(path.join(project.folder, 'ids.json'), JSON.stringify([ids]));
    const out = path.join(project.folder, 'values.safetensors');
    const command = ['model', 'run', family, '--ids', 'ids.json', '--hooks', SITE, '--out', out];
    const { code, stderr } = await project.assay(...command);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const values = decodeSafetensors(await readFile(out)).get(SITE);
    expect(values?.shape).toEqual([1, ids.length, 32]);
    const expected = asFloat32(values as NonNullable<typeof values>);
    const scale = Math.max(...expected.map(Math.abs));
    expect(rows.size).toBe(ids.length);
    for (const [pos, row] of rows)
      row.forEach((value, i) => {
        const difference = Math.abs(value - (expected[32 * pos + i] ?? NaN));
        expect(difference, `position ${pos}, dimension ${i}`).toBeLessThanOrEqual(1e-5 * scale);
      });
  });
});

/** The first sequence of the run's tokens, and the stored row of each of its positions. */
async function firstSequence(family: string): Promise<{ ids: number[]; rows: Map<number, Float32Array> }> {
  const { shard, bytes: tokens } = await firstObject(`of-${family}/tokens`, 'tokens');
  const { bytes: activations } = await firstObject(`of-${family}/activations/${SITE}`, 'activations', shard);
  const { columns } = await readTable('tokens', tokens);
  const ids = [...columns.ids.subarray(0, Math.min(CONTEXT, columns.offsets[1] ?? 0))];
  const stored = await readActivations(activations);
  const rows = new Map<number, Float32Array>();
  stored.doc.forEach((doc, row) => {
    const pos = stored.pos[row] ?? 0;
    if (doc === columns.doc[0] && pos < ids.length)
      rows.set(pos, (stored.act as Float32Array).subarray(32 * row, 32 * (row + 1)));
  });
  return { ids, rows };
}

/** The first stored object of a dataset's table, of that shard where one is given. */
async function firstObject(
  dataset: string,
  table: string,
  shard?: string,
): Promise<{ readonly shard: string; readonly bytes: Uint8Array }> {
  const store = await project.openStore();
  try {
    const snapshot = await latestSnapshot(store, dataset);
    if (snapshot === null) throw new Error(`no dataset ${dataset}`);
    for await (const commit of readSnapshotCommits(store, snapshot)) {
      if (shard !== undefined && commit.shard !== shard) continue;
      const object = commit.objects.find((one) => one.table === table);
      if (object !== undefined)
        return { shard: commit.shard, bytes: (await store.get(object.key)) ?? new Uint8Array() };
    }
    throw new Error(`no ${table} in ${dataset}`);
  } finally {
    await store.close();
  }
}
