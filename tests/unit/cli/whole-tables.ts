// What a store of a run `small` with a dictionary `dict` holds, by loops over whole tables: what commands that read parts are held against.
import { join } from 'node:path';
import { halfToFloat } from '../../../core/tensor/half.js';
import { pinDataset, snapshotObjects } from '../../../reading/datasets/pinned.js';
import { objectsOf } from '../../../reading/dictionary/snapshots.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { readActivations, readTable, readTokensTable } from '../../../storage/tables/read.js';
import { SITE } from './pipeline.js';

/** Stored rows with all that is known of them, by loops over whole tables. */
export async function storedRows(
  store: ObjectStore,
  folder: string,
): Promise<Map<string, { readonly act: number[]; readonly features: Map<number, number> }>> {
  const rows = new Map<string, { readonly act: number[]; readonly features: Map<number, number> }>();
  const objects = async (dataset: string, table: string): Promise<string[]> => {
    const snapshot = await pinDataset(store, dataset);
    const found = await snapshotObjects(store, snapshot);
    return found.filter((object) => object.table === table).map(({ key }) => join(folder, 'data', key));
  };
  for (const file of await objects(`small/activations/${SITE}`, 'activations')) {
    const { doc, pos, act } = await readActivations(file);
    const width = act.length / doc.length;
    doc.forEach((one, row) => {
      const values = Array.from(act.subarray(row * width, (row + 1) * width), halfToFloat);
      rows.set(`${one} ${pos[row] ?? NaN}`, { act: values, features: new Map() });
    });
  }
  for (const file of await objects('small/dict/acts', 'acts')) {
    const { doc, pos, features } = (await readTable('acts', file)).columns;
    doc.forEach((one, row) => {
      const own = rows.get(`${one} ${pos[row] ?? NaN}`);
      for (let i = features.offsets[row] ?? NaN; i < (features.offsets[row + 1] ?? NaN); i++)
        own?.features.set(features.feature[i] ?? NaN, halfToFloat(features.value[i] ?? NaN));
    });
  }
  return rows;
}

/** What stands at each token, by "doc pos". */
export async function tokenTexts(
  store: ObjectStore,
  folder: string,
): Promise<Map<string, { readonly text: string; readonly split: string; readonly id: string }>> {
  const texts = new Map<string, { readonly text: string; readonly split: string; readonly id: string }>();
  const snapshot = await pinDataset(store, 'small/tokens');
  const files = (await objectsOf(store, snapshot)).map(({ table, key }) => ({
    table,
    path: join(folder, 'data', key),
  }));
  const documents = new Map<
    number,
    { readonly id: string; readonly split: string; readonly text: readonly string[] }
  >();
  for (const { path } of files.filter(({ table }) => table === 'documents')) {
    const { doc, id, split, text } = (await readTable('documents', path)).columns;
    doc.forEach((one, row) => {
      documents.set(one, { id: id[row] ?? '', split: split[row] ?? '', text: Array.from(text[row] ?? '') });
    });
  }
  for (const { path } of files.filter(({ table }) => table === 'tokens')) {
    const { doc, offsets, starts, ends } = await readTokensTable(path);
    doc.forEach((one, row) => {
      const from = offsets[row] ?? NaN;
      const { text, ...rest } = documents.get(one) ?? { id: '', split: '', text: [] };
      for (let at = from; at < (offsets[row + 1] ?? NaN); at++)
        texts.set(`${one} ${at - from}`, { ...rest, text: text.slice(starts[at], ends[at]).join('') });
    });
  }
  return texts;
}
