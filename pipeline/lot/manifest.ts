// The stored list of what a stage has to do: lots of work items in chunks, so that a lot activity reads a few kilobytes, not the whole plan.
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { DataError } from '../../schemas/errors.js';
import { getJson, putJson } from '../../storage/records/data-json.js';
import { getInputs, type PlannedInput } from '../../storage/records/planned-inputs.js';
import type { StoredFile } from '../../schemas/stored.js';
import type { WorkItem } from '../../stages/stage.js';

const LOTS_PER_CHUNK = 50;

/** A dataset that a stage publishes: which commits under which key make it. */
export interface DatasetPlan {
  readonly dataset: string;
  readonly tables: readonly string[];
  readonly key: string;
  /** Which list of planned inputs it has (several datasets of a stage share one). */
  readonly inputs: number;
}

interface ManifestIndex {
  readonly formatVersion: 1;
  readonly lots: number;
  readonly lotsPerChunk: number;
  readonly chunks: readonly StoredFile[];
  /** Stage settings; each item names one by its place in this list. */
  readonly configs: readonly unknown[];
  readonly datasets: readonly DatasetPlan[];
  readonly inputs: readonly (readonly StoredFile[])[];
}

/** An item and which of the manifest's configurations it runs with. */
export interface PlannedItem {
  readonly item: WorkItem;
  readonly config: number;
}

export interface ManifestContent {
  readonly lots: readonly (readonly PlannedItem[])[];
  readonly configs: readonly unknown[];
  readonly datasets: readonly DatasetPlan[];
  /** Lists of planned inputs, as `putInputs` stored them. */
  readonly inputs: readonly (readonly StoredFile[])[];
}

/** Writes a manifest; equal content gives an equal reference. */
export async function writeManifest(
  store: ObjectStore,
  content: ManifestContent,
): Promise<{ readonly ref: StoredFile; readonly lots: number }> {
  const chunks = await Promise.all(cut(content.lots, LOTS_PER_CHUNK).map((lots) => putJson(store, lots)));
  const index: ManifestIndex = {
    formatVersion: 1,
    lots: content.lots.length,
    lotsPerChunk: LOTS_PER_CHUNK,
    chunks,
    configs: content.configs,
    datasets: content.datasets,
    inputs: content.inputs,
  };
  return { ref: await putJson(store, index), lots: content.lots.length };
}

/** The items of one lot, each with its stage's settings. */
export async function readLot(
  store: ObjectStore,
  manifest: StoredFile,
  lot: number,
): Promise<{ item: WorkItem; config: unknown }[]> {
  const index = await readIndex(store, manifest);
  const chunk = index.chunks[Math.floor(lot / index.lotsPerChunk)];
  if (!chunk)
    throw new DataError(`Manifest ${manifest.key} has ${index.lots} lots, lot ${lot} was asked for.`, {
      key: manifest.key,
      lot,
    });
  const lots = (await getJson(store, chunk)) as readonly (readonly PlannedItem[])[];
  return (lots[lot % index.lotsPerChunk] ?? []).map(({ item, config }) => ({
    item,
    config: index.configs[config],
  }));
}

/** The datasets of a manifest, and a reader of their planned inputs. */
export async function readDatasets(
  store: ObjectStore,
  manifest: StoredFile,
): Promise<{
  datasets: readonly DatasetPlan[];
  inputsOf: (list: number) => Promise<PlannedInput[]>;
}> {
  const index = await readIndex(store, manifest);
  const inputsOf = (list: number): Promise<PlannedInput[]> => getInputs(store, index.inputs[list] ?? []);
  return { datasets: index.datasets, inputsOf };
}

async function readIndex(store: ObjectStore, manifest: StoredFile): Promise<ManifestIndex> {
  return (await getJson(store, manifest)) as ManifestIndex;
}

function cut<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}
