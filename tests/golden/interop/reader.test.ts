// clients/python/assay_reader.py on a small store (tests/fixtures/interop/store: two documents of each split, one dictionary taken from
// SAELens) against our own readers of the same bytes. What Python found is recorded: clients/python/check_reader.py > reader.json.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pinDataset, snapshotObjects } from '../../../reading/datasets/pinned.js';
import { tokenOrder } from '../../../core/dictionaries/token-order.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { readActivations, readTable } from '../../../storage/tables/read.js';
import { fixture } from './recorded.js';

const expected = JSON.parse(readFileSync(fileURLToPath(new URL('reader.json', import.meta.url)), 'utf8')) as {
  readonly datasets: readonly string[];
  readonly activations: Readonly<Record<string, unknown>>;
  readonly acts: Readonly<Record<string, unknown>>;
};
const root = fixture('store');
const store = await openStore(`file://${root}`, {});

function digest(array: Uint16Array | Uint32Array | Int32Array | BigInt64Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex');
}

async function filesOf(dataset: string): Promise<string[]> {
  const objects = await snapshotObjects(store, await pinDataset(store, dataset));
  return objects.map(({ key }) => path.join(root, key));
}

describe('what Python reads of a store', () => {
  it('are the activations in document order', async () => {
    const shards = await Promise.all(
      (await filesOf('small/activations/blocks.2.hook_resid_post')).map(readActivations),
    );
    const doc = Uint32Array.from(shards.flatMap((shard) => [...shard.doc]));
    const pos = Uint32Array.from(shards.flatMap((shard) => [...shard.pos]));
    const act = Uint16Array.from(shards.flatMap((shard) => [...shard.act]));
    const width = act.length / doc.length;
    const order = tokenOrder(doc, pos);
    const ordered = Uint16Array.from([...order].flatMap((row) => [...act.subarray(row * width, (row + 1) * width)]));
    expect(expected.activations).toMatchObject({
      ...{ rows: doc.length, dtype: 'float16', shape: [doc.length, width], act: digest(ordered) },
      doc: digest(Uint32Array.from(order, (row) => doc[row] as number)),
      pos: digest(Uint32Array.from(order, (row) => pos[row] as number)),
    });
  });

  it('are feature activations as compressed sparse rows', async () => {
    const tables = await Promise.all(
      (await filesOf('small/p/acts')).map((file) => readTable('acts', readFileSync(file))),
    );
    const rows = tables.flatMap(({ columns }) =>
      Array.from(columns.doc, (doc, row) => {
        const { offsets, feature, value } = columns.features;
        const [from, to] = [offsets[row] as number, offsets[row + 1] as number];
        return {
          doc,
          pos: columns.pos[row] as number,
          feature: [...feature.slice(from, to)],
          value: [...value.slice(from, to)],
        };
      }),
    );
    rows.sort((a, b) => a.doc - b.doc || a.pos - b.pos);
    let firings = 0n;
    const indptr = BigInt64Array.from([0n, ...rows.map(({ feature }) => (firings += BigInt(feature.length)))]);
    expect(expected.acts).toMatchObject({
      ...{ shape: [rows.length, 256], doc: digest(Uint32Array.from(rows, ({ doc }) => doc)), indptr: digest(indptr) },
      indices: digest(Int32Array.from(rows.flatMap(({ feature }) => feature))),
      data: digest(Uint16Array.from(rows.flatMap(({ value }) => value))),
    });
  });

  it('names the datasets that are there', () => {
    expect(expected.datasets).toEqual([
      'small/activations/blocks.2.hook_resid_post',
      ...['acts', 'features', 'weights'].map((table) => `small/p/${table}`),
    ]);
  });
});
