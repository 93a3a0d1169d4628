// Copies finished models out of the store: OUT/MODEL/{model.onnx, model.safetensors, training.json, tokenizer.json}.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import { WEIGHTS_FILE } from '../../stages/language-model/external-weights.js';
import type { ResolvedTraining } from '../../schemas/resolved-training.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { fetchDataToFile, getData } from '../../storage/records/data-stream.js';
import { readTable } from '../../storage/tables/read.js';
import type { TrainedSummary } from './training-summary.js';

const FILES: Readonly<Record<string, string>> = {
  model: 'model.onnx',
  'model-data': WEIGHTS_FILE,
  weights: 'model.safetensors',
};

/** Folders that were written, one per finished model. */
export async function writeModels(
  store: ObjectStore,
  training: ResolvedTraining,
  { summaries, out }: { readonly summaries: readonly TrainedSummary[]; readonly out: string },
): Promise<string[]> {
  const written: string[] = [];
  for (const summary of summaries) {
    if (!summary.commit) continue;
    const folder = path.join(out, summary.entry.model);
    await mkdir(folder, { recursive: true });
    for (const object of summary.commit.objects) {
      const file = FILES[object.table];
      if (file !== undefined) await fetchDataToFile(store, object, { path: path.join(folder, file) });
    }
    const { commit, entry } = summary;
    const record = await trainingRecord(store, training, { commit, name: entry.model });
    await writeFile(path.join(folder, 'training.json'), `${JSON.stringify(record, null, 1)}\n`);
    await fetchDataToFile(store, training.tokenizer, { path: path.join(folder, 'tokenizer.json') });
    written.push(folder);
  }
  return written;
}

/** What the model is made of, how it went, and the commit that says so. */
async function trainingRecord(
  store: ObjectStore,
  training: ResolvedTraining,
  { commit, name }: { readonly commit: Commit; readonly name: string },
): Promise<Record<string, unknown>> {
  const config = training.models.find((model) => model.name === name)?.config.keyed;
  const curve = [];
  for (const object of commit.objects.filter(({ table }) => table === 'training'))
    curve.push(...(await rowsOf(store, object)));
  const { key, input, statistics, engine } = commit;
  return { training: training.name, model: name, key, input, config, statistics, engine, curve };
}

async function rowsOf(store: ObjectStore, object: ObjectRecord): Promise<unknown[]> {
  const { columns } = await readTable('training', await getData(store, object));
  return columns.split.map((split, i) => ({
    split,
    step: columns.step[i],
    tokens: columns.tokens[i],
    loss: columns.loss[i],
    lr: columns.lr[i],
    grad_norm: Number.isNaN(columns.gradNorm[i]) ? null : columns.gradNorm[i],
  }));
}
