// Stores a dictionary that was taken as a dataset of the store, `NAME/weights`: its safetensors file, a commit, a snapshot, and a ref
// that keeps it from being collected. Safe to repeat: equal dictionaries have equal digests.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { digestOf } from '../../core/identity/digest.js';
import type { TakenDictionary } from '../../core/interop/taken-dictionary.js';
import { encodeAssayWeights } from '../../core/interop/write-assay.js';
import { writeChunks } from '../../storage/files/local-file.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { commitOutput, type Output } from '../../storage/records/commits.js';
import { numberedKey, snapshotPrefix } from '../../storage/records/key-layout.js';
import { setRef } from '../../storage/records/refs.js';
import { publishSnapshot } from '../../storage/records/snapshots.js';

export interface StoreTakenRequest {
  /** `RUN/DICT`. */
  readonly name: string;
  readonly dictionary: TakenDictionary;
  /** Sites that the user gave, where the files do not say them. */
  readonly sites: { readonly reads: readonly string[]; readonly writes: readonly string[] } | null;
  /** Of this program. */
  readonly version: string;
}

export interface StoredTaken {
  readonly dataset: string;
  /** Of the safetensors file: the dictionary's identity. */
  readonly sha256: string;
  readonly bytes: number;
}

/** The dataset that now stands. */
export async function storeTaken(store: ObjectStore, request: StoreTakenRequest): Promise<StoredTaken> {
  const { dictionary, name, sites } = request;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'assay-taken-'));
  try {
    const written = await writeChunks(path.join(folder, 'weights.safetensors'), encodeAssayWeights(dictionary, sites));
    const { sha256, bytes } = written;
    const dataset = `${name}/weights`;
    const file = {
      ...written,
      extension: 'safetensors',
      table: 'weights',
      rows: dictionary.settings.features,
      batches: [],
    };
    const { commit } = await commitOutput(store, { ...outputOf(request, sha256), files: [file] });
    const snapshot = await publishSnapshot(store, {
      ...{ dataset, stage: 'train', key: commit.key, tables: ['weights'], commits: [commit] },
      ...{ planned: 1, quarantined: 0, revision: 1, complete: true },
    });
    const place = numberedKey(snapshotPrefix(dataset), snapshot.version);
    await setRef(store, `taken/${name}`, { snapshot: place, weights: sha256 });
    return { dataset, sha256, bytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function outputOf({ dictionary, name, version }: StoreTakenRequest, sha256: string): Omit<Output, 'files'> {
  const { settings, source, format, notes } = dictionary;
  const inputs = { taken: sha256 };
  const [run = name] = name.split('/');
  return {
    ...{ stage: 'train', key: digestOf(inputs), input: digestOf(inputs), inputs, shard: 'all', split: null },
    statistics: { taken: { format, settings: { ...settings }, source: { ...source }, notes: [...notes] } },
    ...{ engine: null, attempt: sha256, wallMs: 0 },
    producer: { version, host: os.hostname(), run, revision: 1 },
  };
}
