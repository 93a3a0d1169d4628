// A whole run over a model that computes in [pos, batch, …], from its run file to the store: the stored rows are those that a
// token's context has when it is computed alone, where the order of the two axes cannot matter.
import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { Tokenizer } from '../../../core/corpus/tokenizer/tokenizer.js';
import { runModel } from '../../../models/run-model.js';
import { pinDataset, snapshotObjects } from '../../../reading/datasets/pinned.js';
import { openStore } from '../../../storage/objects/open-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { readActivations, readTable } from '../../../storage/tables/read.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runStages, submitRun } from '../../unit/cli/pipeline.js';
import { largestError } from '../reference.js';

const SITE = 'blocks.0.hook_resid_post';
const CONTEXT = 48;
/** Every which document is computed alone. */
const CHECKED = 4;
const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const folder = temporaryFolder('seq-first-run');

it('stores at every token the row of that token', async () => {
  await cp('tests/cases/model/01-seq-first/pipeline', folder, { recursive: true });
  const store = await openStore('file://./data', { base: folder });
  const run = await submitRun(store, path.join(folder, 'run.yaml'));
  await runStages(store, run, { folder, until: 'activations' });

  const tokenizer = new Tokenizer(await readFile(path.join(folder, 'tokenizer.json')));
  const ids: Uint32Array[] = [];
  for (const file of await filesOf(store, 'sf/documents')) {
    const { doc, text } = (await readTable('documents', file)).columns;
    doc.forEach((d, row) => (ids[d] = tokenizer.encode(String(text[row])).ids));
  }
  const alone = await Promise.all(
    ids.map((own, doc) => (doc % CHECKED === 0 ? rowsAlone(own) : Promise.resolve(null))),
  );

  let rows = 0;
  let checked = 0;
  let error = 0;
  for (const file of await filesOf(store, `sf/activations/${SITE}`)) {
    const { doc, pos, act } = await readActivations(file);
    const width = act.length / doc.length;
    rows += doc.length;
    doc.forEach((d, row) => {
      const right = alone[d]?.[pos[row] ?? -1];
      if (right === undefined) return;
      checked += 1;
      error = Math.max(error, largestError((act as Float32Array).subarray(row * width, (row + 1) * width), right));
    });
  }
  // The first position of each context is dropped.
  const stored = (own: Uint32Array): number => own.length - Math.ceil(own.length / CONTEXT);
  const sum = (lists: readonly Uint32Array[]): number => lists.reduce((total, own) => total + stored(own), 0);
  expect(rows).toBe(sum(ids));
  expect(checked).toBe(sum(ids.filter((_, doc) => doc % CHECKED === 0)));
  expect(checked).toBeGreaterThan(600);
  expect(error).toBeLessThan(2e-6);
}, 120_000);

async function filesOf(store: ObjectStore, dataset: string): Promise<Uint8Array[]> {
  const objects = await snapshotObjects(store, await pinDataset(store, dataset));
  return Promise.all(objects.map(async ({ key }) => (await store.get(key)) ?? new Uint8Array()));
}

/** The site at each token of a document, every context computed alone. */
async function rowsAlone(ids: Uint32Array): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for (let from = 0; from < ids.length; from += CONTEXT) {
    const part = ids.slice(from, from + CONTEXT);
    const values = await runModel(
      path.join(folder, 'model.onnx'),
      { ids: part, length: part.length },
      {
        hooks: [SITE],
        engine: ENGINE,
      },
    );
    const { data } = values.get(SITE) ?? {};
    const width = (data as Float32Array).length / part.length;
    for (let i = 0; i < part.length; i++) rows.push((data as Float32Array).subarray(i * width, (i + 1) * width));
  }
  return rows;
}
