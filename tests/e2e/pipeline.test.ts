// The whole pipeline on real text with the real model: results, resume, explain, queries against brute force, bad endings.
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { halfToFloat } from '../../core/tensor/half.js';
import { latestSnapshot, readSnapshotCommits } from '../../storage/records/snapshots.js';
import { readTable } from '../../storage/tables/read.js';
import type { Project } from './harness/project.js';
import { useScene } from './harness/scene.js';

const scene = useScene();
let project: Project;

interface TopDocument {
  readonly n: number;
  readonly examples: readonly {
    readonly doc: number;
    readonly pos: number;
    readonly value: number;
    readonly start: number;
    readonly tokens: string[];
    readonly values: number[];
  }[];
}

beforeAll(async () => {
  project = await scene.project();
  await scene.worker(project, { slots: 2 });
}, 120_000);

describe('a run from text to features', () => {
  it('completes and publishes every dataset', async () => {
    const result = await project.assay('run', 'run.yaml', '--follow', '--json');
    expect(result.stderr).not.toContain('failed');
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({
      run: 'small',
      revision: 1,
      state: 'completed',
    });
    const names = Object.keys(await project.digests());
    for (const name of [
      'documents',
      'tokens',
      'activations/blocks.2.hook_resid_post',
      'sae/weights',
      'sae/training',
      'sae/acts',
      'sae/postings',
      'sae/features',
      'sae/top',
    ]) {
      expect(names).toContain(`small/${name}`);
    }
  }, 180_000);

  it('has nothing left to resume, and says so without touching anything', async () => {
    const before = await project.digests();
    const result = await project.assay('resume', 'small');
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('nothing to resume');
    expect(await project.digests()).toEqual(before);
  });

  it('started again with the same file has nothing to do, and starts nothing', async () => {
    const again = await project.json<{ revision: number; state: string }>('run', 'run.yaml', '--follow');
    expect(again).toMatchObject({ revision: 1, state: 'completed' });
    const text = await project.assay('run', 'run.yaml', '--follow');
    expect(text).toMatchObject({ code: 0, stdout: 'small: everything is done, nothing to do.\n' });
    expect(text.stderr).not.toContain('started');
  }, 60_000);

  it('recomputes everything to the same digests (mode all)', async () => {
    const before = await project.digests();
    const result = await project.assay('resume', 'small', '--mode', 'all', '--follow');
    expect(result.stderr + result.stdout).toContain('is complete');
    expect(result.code).toBe(0);
    expect(await project.digests()).toEqual(before);
  }, 180_000);

  it('verifies what is stored', async () => {
    const result = await project.assay('verify', 'small/sae/acts');
    expect(result.code).toBe(0);
  });

  it('finds for every feature the examples that a scan over acts finds', async () => {
    const byFeature = await scanActs(project);
    for (const feature of [0, 17, 101, 255]) {
      const found = await project.json<TopDocument>('top', 'sae', String(feature), '--k', '8');
      const all = byFeature.get(feature) ?? [];
      expect(found.n).toBe(all.length);
      const strongest = strongestPerContext(all, 127).slice(0, 8);
      expect(found.examples.map(({ doc, pos, value }) => [doc, pos, value])).toEqual(strongest);
      for (const example of found.examples) {
        const at = example.pos - example.start;
        expect(example.values[at]).toBe(example.value);
        expect(example.tokens).toHaveLength(example.values.length);
      }
    }
  }, 60_000);

  it('answers SQL as a scan over acts does, and as DuckDB over the exported Parquet', async () => {
    const byFeature = await scanActs(project);
    const { rows } = await project.json<{ rows: unknown[][] }>(
      'sql',
      'select feature, count(*)::int n from postings group by feature order by feature',
      '--run',
      'small',
    );
    expect(rows).toEqual(
      [...byFeature].sort(([a], [b]) => a - b).map(([feature, postings]) => [feature, postings.length]),
    );
    const exported = await project.assay('export', 'small/sae/postings', '--to', 'parquet');
    expect(exported.code).toBe(0);
  }, 60_000);

  it('a changed setting makes a new revision that recomputes only what depends on it', async () => {
    const file = path.join(project.folder, 'run.yaml');
    const text = await readFile(file, 'utf8');
    const changed = parse(text) as { index: { topExamples: number } };
    changed.index.topExamples = 4;
    await writeFile(file, stringify(changed));
    const result = await project.assay('run', 'run.yaml', '--follow');
    await writeFile(file, text);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('index.topExamples: 8 → 4');
    expect(result.stderr).toMatch(/activations\s+nothing to do/);
    expect(result.stderr).toMatch(/encode\s+nothing to do/);
    expect(result.stderr).toMatch(/index\s+2 of 2 to do/);
    const explained = await project.json<{
      stages: { dataset: string; same: boolean; changes: { field: string }[] }[];
    }>('explain', 'small');
    const top = explained.stages.find((stage) => stage.dataset === 'small/sae/top');
    expect(top).toMatchObject({ same: false, changes: [{ field: 'config.topExamples' }] });
    expect(explained.stages.find((stage) => stage.dataset === 'small/sae/acts')?.same).toBe(true);
  }, 120_000);

  it('a damaged object is found, named and reported by verify', async () => {
    const { objects } = await project.json<{ objects: { key: string }[] }>('describe', 'small/sae/top');
    const file = path.join(project.folder, 'data', objects[0]?.key ?? '');
    const bytes = await readFile(file);
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(600) ^ 1, 600);
    await rm(file);
    await writeFile(file, flipped);
    const result = await project.assay('verify', 'small/sae/top');
    await rm(file);
    await writeFile(file, bytes);
    expect(result.code).toBe(1);
    expect(result.stdout + result.stderr).toContain(objects[0]?.key);
  });
});

type Posting = readonly [doc: number, pos: number, value: number];

/** All postings by feature, straight from the token-major table. */
async function scanActs(project: Project): Promise<Map<number, Posting[]>> {
  const store = await project.openStore();
  const snapshot = await latestSnapshot(store, 'small/sae/acts');
  if (!snapshot) throw new Error('no snapshot of acts');
  const byFeature = new Map<number, Posting[]>();
  for await (const commit of readSnapshotCommits(store, snapshot)) {
    for (const object of commit.objects.filter((o) => o.table === 'acts')) {
      const bytes = await store.get(object.key);
      const { columns } = await readTable('acts', bytes ?? new Uint8Array());
      const { offsets, feature, value } = columns.features;
      columns.doc.forEach((doc, row) => {
        for (let i = offsets[row] ?? 0; i < (offsets[row + 1] ?? 0); i++) {
          const list = byFeature.get(feature[i] ?? 0) ?? [];
          byFeature.set(feature[i] ?? 0, list);
          list.push([doc, columns.pos[row] ?? 0, halfToFloat(value[i] ?? 0)]);
        }
      });
    }
  }
  await store.close();
  return byFeature;
}

/** Value descending, then doc, pos; one per context of `step` positions. */
function strongestPerContext(postings: readonly Posting[], step: number): Posting[] {
  const sorted = [...postings].sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]);
  const seen = new Set<string>();
  return sorted.filter(([doc, pos]) => {
    const context = `${doc}/${Math.floor(pos / step)}`;
    if (seen.has(context)) return false;
    seen.add(context);
    return true;
  });
}
