// A folder of config.json, tokenizer.json and safetensors through the program: `model inspect`, `model run`, and a run file with
// `model.folder`, whose stored activations are the model's own values.
import { cp, readFile, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkModelRuns } from '../../../cli/orchestration/preflight.js';
import { asFloat32, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { loadRunFile } from '../../../pipeline/files/load.js';
import { resolveRun, type ResolvedWithUploads } from '../../../pipeline/resolve/resolve-run.js';
import type { ObjectRecord } from '../../../schemas/records.js';
import { InputError } from '../../../schemas/errors.js';
import { modelInspectDocument } from '../../../schemas/documents/models.js';
import { createFileStore } from '../../../storage/objects/file-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { latestSnapshot, readSnapshotCommits } from '../../../storage/records/snapshots.js';
import { readActivations, readTokensTable } from '../../../storage/tables/read.js';
import { EXPORTS, FOLDERS } from '../../harness/fixtures.js';
import { runCli } from './harness.js';
import { runStages, submitRun } from './pipeline.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const SITE = 'blocks.1.hook_resid_post';
const TEXTS = [
  'the cat sat on the mat',
  'one two three four five six',
  'a small boat on a wide lake and the dog ran to the house',
];
const place = temporaryFolder('folder-run');

/** A run file over a copy of the fixture's folder. */
async function writeRun(name: string, contextTokens = 16): Promise<string> {
  const folder = path.join(place, name);
  await cp(path.join(FOLDERS, name), path.join(folder, 'model'), { recursive: true });
  const lines = TEXTS.map((text, i) => JSON.stringify({ id: `d${i}`, split: 'fit', text }));
  await writeFile(path.join(folder, 'corpus.jsonl'), `${lines.join('\n')}\n`);
  const yaml = `name: ${name}
store: file://./data
model: { folder: model, contextTokens: ${contextTokens}, prepend: null }
corpus: { sources: [corpus.jsonl], split: { field: split }, shardTokens: 512 }
activations: { hooks: [${SITE}], dtype: float32, dropPositions: [] }
compute: { device: cpu }
`;
  const file = path.join(folder, 'run.yaml');
  await writeFile(file, yaml);
  return file;
}

async function resolve(file: string): Promise<ResolvedWithUploads> {
  const { runFile, folder } = await loadRunFile(file);
  const rest = { revision: 1, until: 'activations', limitDocuments: null, hostId: 'here', nowMs: 0 } as const;
  return resolveRun(runFile, { folder, ...rest });
}

/** The bytes of the one object of a dataset's table. */
async function stored(store: ObjectStore, dataset: string, table: string): Promise<Uint8Array> {
  const snapshot = await latestSnapshot(store, dataset);
  if (snapshot === null) throw new TypeError(`no dataset ${dataset}`);
  const objects: ObjectRecord[] = [];
  for await (const commit of readSnapshotCommits(store, snapshot))
    objects.push(...commit.objects.filter((object) => object.table === table));
  expect(objects).toHaveLength(1);
  return (await store.get(objects[0]?.key ?? '')) ?? new Uint8Array();
}

describe('model.folder', () => {
  it.each(['gpt2', 'llama'])('%s: what is stored are the values of the model in the folder', async (name) => {
    const file = await writeRun(name);
    const store = createFileStore(path.join(path.dirname(file), 'data'));
    const resolved = await resolve(file);
    await checkModelRuns(resolved);
    const { summary } = await openModel(path.join(FOLDERS, name));
    expect(resolved.run.model).toMatchObject({ reference: { base: summary.digest, edits: [] } });
    const run = await submitRun(store, file);
    const weights = summary.files.slice(1).map(({ location, sha256 }) => ({ location, sha256 }));
    expect(run.model).toMatchObject({ external: weights });
    await runStages(store, run, { folder: path.dirname(file), until: 'activations' });
    const tokens = await readTokensTable(await stored(store, `${name}/tokens`, 'tokens'));
    const rows = await readActivations(await stored(store, `${name}/activations/${SITE}`, 'activations'));
    expect(tokens.doc.length).toBe(TEXTS.length);
    const doc = tokens.doc[0] ?? -1;
    const ids = tokens.ids.slice(0, Math.min(16, tokens.offsets[1] ?? 0));
    const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
    const given = { ids: Uint32Array.from(ids), length: ids.length };
    const expected = (await runModel(path.join(FOLDERS, name), given, { hooks: [SITE], engine })).get(SITE);
    const width = summary.width;
    let compared = 0;
    for (let row = 0; row < rows.doc.length; row++) {
      const pos = rows.pos[row] ?? 0;
      if (rows.doc[row] !== doc || pos >= ids.length) continue;
      const kept = Array.from((rows.act as Float32Array).subarray(row * width, (row + 1) * width));
      const own = Array.from((expected?.data as Float32Array).subarray(pos * width, (pos + 1) * width));
      own.forEach((value, i) => expect(kept[i]).toBeCloseTo(value, 4));
      compared++;
    }
    expect(compared).toBe(ids.length);
  });

  it('refuses contexts longer than config.json allows, and a folder without tokenizer.json', async () => {
    await expect(resolve(await writeRun('gpt2', 41))).rejects.toThrow(
      "model.contextTokens is 41, but the model's config.json allows 40 positions. Set model.contextTokens to 40 or less.",
    );
    const file = await writeRun('llama');
    const folder = path.join(path.dirname(file), 'model');
    await unlink(path.join(folder, 'tokenizer.json'));
    await writeFile(path.join(folder, 'tokenizer.model'), '');
    const failure = resolve(file);
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow('Its folder has tokenizer.model instead; make tokenizer.json of it once');
  });
});

describe('commands', () => {
  it('model inspect says which family was written, and of what', async () => {
    const folder = path.join(FOLDERS, 'gemma3');
    const result = await runCli(['model', 'inspect', folder, '--json']);
    expect(modelInspectDocument.parse(result.json())).toMatchObject({
      ...{ file: folder, family: 'Gemma 3 (text)', layers: 3, width: 32, vocabulary: 100, positions: 40 },
      ...{ heads: 4, kvHeads: 2, dHead: 12, dMlp: 48, inputs: ['input_ids'], outputs: ['logits'] },
      ...{ unchecked: null, unresolved: [], producer: 'assay' },
    });
    const { out } = await runCli(['model', 'inspect', folder]);
    expect(out).toContain("graph      written here: Gemma 3 (text), weights in the folder's safetensors");
    const file = await runCli(['model', 'inspect', path.join(EXPORTS, 'gpt2.dynamo.onnx')]);
    expect(file.out).toContain('graph      of the file');
    expect(file.out).not.toContain('tokenizer');
  });

  it('model inspect says where a folder has no tokenizer.json for a run', async () => {
    const note = 'tokenizer  no tokenizer.json in this folder: a run needs one, here or in model.tokenizer.';
    const folder = path.join(place, 'no-tokenizer');
    await cp(path.join(FOLDERS, 'gpt2'), folder, { recursive: true });
    expect((await runCli(['model', 'inspect', folder])).out).not.toContain(note);
    await unlink(path.join(folder, 'tokenizer.json'));
    expect((await runCli(['model', 'inspect', folder])).out).toContain(`${note}\n`);
    await writeFile(path.join(folder, 'tokenizer.model'), '');
    expect((await runCli(['model', 'inspect', folder])).out).toContain(
      `${note} Its folder has tokenizer.model instead; make tokenizer.json of it once`,
    );
  });

  it('model run writes the values of a folder', async () => {
    const out = path.join(place, 'out.safetensors');
    await writeFile(path.join(place, 'ids.json'), '[[5, 6, 7, 8]]');
    const folder = path.join(FOLDERS, 'qwen3');
    const argv = [
      'model',
      'run',
      folder,
      '--ids',
      path.join(place, 'ids.json'),
      '--hooks',
      `${SITE},logits`,
      '--out',
      out,
    ];
    expect((await runCli(argv)).code).toBe(0);
    const tensors = decodeSafetensors(await readFile(out));
    expect(tensors.get('logits')?.shape).toEqual([1, 4, 100]);
    const rows = { ids: Uint32Array.of(5, 6, 7, 8), length: 4 };
    const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
    const own = (await runModel(folder, rows, { hooks: [SITE], engine })).get(SITE);
    const found = tensors.get(SITE);
    expect(found && asFloat32(found)).toEqual(own?.data);
  });
});
