// A finished dictionary of a store by its name, as edits of features take it: its weights by content, its kind and sites, the model
// that it belongs to. Writes nothing but the local copy of its weights.
import type { NamedDictionary } from '../../models/edit-context.js';
import { nearestNames } from '../../core/text/nearest-names.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { Snapshot } from '../../schemas/records.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { LocalCache } from '../../storage/cache/local-cache.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import { latestSnapshot, listDatasets, readSnapshotCommits } from '../../storage/records/snapshots.js';
import { readModelFiles } from '../activations/run-model-files.js';
import { datasetNames } from '../dataset-names.js';
import { createPinnedReader } from '../pinned.js';
import { workOfRun } from '../work.js';
import { encodedDictionary } from './dictionary.js';

export interface DictionaryPlace {
  readonly store: ObjectStore;
  readonly cache: LocalCache;
  readonly signal: AbortSignal;
}

/** The dictionary of a name. @throws InputError for a name that is none, with the nearest */
export type DictionaryLookup = (name: string) => Promise<NamedDictionary>;

/** Looks dictionaries up by `RUN/DICT`, each once. */
export function dictionaryLookup(place: DictionaryPlace): DictionaryLookup {
  const found = new Map<string, Promise<NamedDictionary>>();
  return (name) => {
    const finding = found.get(name) ?? findDictionary(place, name);
    found.set(name, finding);
    return finding;
  };
}

/** @throws InputError for a name that is none, with the nearest, and for a dictionary that is not trained yet */
async function findDictionary({ store, cache, signal }: DictionaryPlace, name: string): Promise<NamedDictionary> {
  const [runName = '', own = '', ...rest] = name.split('/');
  const dataset = datasetNames(runName).dictionary(own, 'weights');
  const snapshot = own === '' || rest.length > 0 ? null : await latestSnapshot(store, dataset);
  if (snapshot === null) throw await unknown(store, name);
  const run = await readResolvedRun(store, { name: runName, revision: snapshot.revision });
  const dictionary = run.dictionaries.find((one) => one.name === own);
  const files = await readModelFiles(run, createPinnedReader(store, workOfRun(run)));
  const weights = await weightsOf(store, snapshot);
  if (dictionary === undefined || files === null || weights === null) throw unfinished(name, run);
  const { sites, architecture, features, settings } = encodedDictionary(run, dictionary);
  if (settings.inputTransform !== undefined)
    throw new InputError(
      `Expected a dictionary that takes activations as they are, found that ${name} transforms its input (${settings.inputTransform}), as its source did: a feature of it has no fixed direction in the model. Edit a feature of another dictionary.`,
      { name, inputTransform: settings.inputTransform },
    );
  if (sites.routed !== undefined)
    throw new InputError(
      `Expected a dictionary whose features see every row, found that ${name} is routed (${sites.routed.kind}, ${sites.routed.experts} experts): a feature of an expert cannot fire on a row of another. Edit a feature of another dictionary.`,
      { name, routed: sites.routed.kind },
    );
  return {
    ...{ name, digest: weights.sha256, architecture, features, settings, sites },
    model: files.reference,
    path: await cache.fetch(weights, signal),
    bytes: weights.bytes,
  };
}

type Weights = { readonly key: string; readonly sha256: string; readonly bytes: number };

async function weightsOf(store: ObjectStore, snapshot: Snapshot): Promise<Weights | null> {
  for await (const { objects } of readSnapshotCommits(store, snapshot)) {
    const found = objects.find(({ table }) => table === 'weights');
    if (found) return found;
  }
  return null;
}

async function unknown(store: ObjectStore, name: string): Promise<InputError> {
  const datasets = (await listDatasets(store)).map(({ dataset }) => dataset);
  const known = datasets.flatMap((dataset) => /^(.+\/.+)\/weights$/.exec(dataset)?.[1] ?? []);
  const short = known.filter((one) => one.endsWith(`/${name}`));
  const near = short.length > 0 ? short : nearestNames(name, known);
  const remedy =
    near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : known.length > 0
        ? `there are ${known.slice(0, 12).join(', ')}.`
        : `${store.url} holds none yet; is it the store that you mean (--store)?`;
  return new InputError(`Expected a trained dictionary as RUN/DICT, found "${name}", which is none; ${remedy}`, {
    name,
    candidates: near,
  });
}

function unfinished(name: string, { name: run, revision }: ResolvedRun): DataError {
  return new DataError(
    `Expected the weights of ${name} and its model in ${run} revision ${revision}, found that they are not all published; \`assay resume ${run}\` publishes them again.`,
    { dictionary: name, run, revision },
  );
}
