// What is stored of a dictionary shard by shard: feature activations, the activations that it reads, tokens. Records alone, no table.
import { sha256Hex } from '../../core/identity/digest.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { Commit, ObjectRecord } from '../../schemas/records.js';
import type { Split } from '../../schemas/stages.js';
import { sitesOfDictionary } from '../../stages/train/dictionary.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import { readSnapshotCommits } from '../../storage/records/snapshots.js';
import type { PinnedDictionary } from '../dictionary/snapshots.js';
import { keyFields, newestSnapshot } from '../runs/stage-keys.js';

export interface StoredShard {
  readonly shard: string;
  readonly split: Split;
  readonly acts: readonly ObjectRecord[];
  /** Of the site that is read; empty where they are no longer stored. */
  readonly activations: readonly ObjectRecord[];
  readonly tokens: readonly ObjectRecord[];
  readonly documents: readonly ObjectRecord[];
}

export interface StoredSite {
  readonly site: string;
  readonly width: number;
  readonly dtype: 'float16' | 'float32';
  /** Whether the dictionary writes the site that it reads, and no other. */
  readonly writesIt: boolean;
  readonly vocabulary: number;
  readonly shards: readonly StoredShard[];
}

/**
 * Shards in an order that a seed gives.
 * @throws InputError for a dictionary that reads several sites; DataError where its activations are not stored
 */
export async function readStoredSite(store: ObjectStore, pinned: PinnedDictionary, seed: number): Promise<StoredSite> {
  const { name, acts, tokens } = pinned;
  const run = await readResolvedRun(store, { name: name.run, revision: acts.revision });
  const given = `${name.run}/${name.dictionary}`;
  const own = run.dictionaries.find((one) => one.name === name.dictionary);
  const [site, another] = own?.reads ?? [];
  if (!own || site === undefined || another !== undefined)
    throw new InputError(
      `Expected a dictionary that reads one site, found that ${given} reads ${own?.reads.join(', ') ?? 'none'}; activations of several places are no one control.`,
      { dictionary: given },
    );
  const sites = sitesOfDictionary(run, own);
  const key = await activationsKey(store, acts.key, sites.reads[0] as number);
  const dataset = `${name.run}/activations/${site}`;
  const snapshot = await newestSnapshot(store, dataset, (s) => s.key === key);
  if (snapshot === null)
    throw new DataError(
      `Expected the activations that ${given} was encoded from in ${dataset}, found none; \`assay resume ${name.run}\` makes them again.`,
      { dataset, key },
    );
  const [encoded, activations, texts] = await Promise.all(
    [acts, snapshot, tokens].map(async (one) => byShard(readSnapshotCommits(store, one))),
  );
  const objects = (commit: Commit | undefined, table: string): ObjectRecord[] =>
    (commit?.objects ?? []).filter((object) => object.table === table);
  const shards = [...(encoded ?? [])].flatMap(([shard, commit]): StoredShard[] => {
    if (commit.split === null) return [];
    const text = texts?.get(shard);
    return [
      {
        ...{ shard, split: commit.split, acts: objects(commit, 'acts') },
        activations: objects(activations?.get(shard), 'activations'),
        ...{ tokens: objects(text, 'tokens'), documents: objects(text, 'documents') },
      },
    ];
  });
  return {
    ...{ site, width: sites.widths[sites.reads[0] as number] as number, dtype: run.file.activations.dtype },
    writesIt: own.writes.length === 1 && own.writes[0] === site,
    vocabulary: run.model.vocabulary,
    shards: shards
      .map((one) => ({ one, order: sha256Hex(`probe ${seed} ${one.shard}`) }))
      .sort(byOrder)
      .map(({ one }) => one),
  };
}

function byOrder(a: { readonly order: string }, b: { readonly order: string }): number {
  return a.order < b.order ? -1 : 1;
}

async function byShard(commits: AsyncIterable<Commit>): Promise<Map<string, Commit>> {
  const found = new Map<string, Commit>();
  for await (const commit of commits) found.set(commit.shard, commit);
  return found;
}

/** Key of the activations of a place among the sites of an encoding. */
async function activationsKey(store: ObjectStore, encode: string, place: number): Promise<string | null> {
  const fields = await keyFields(store, 'encode', encode);
  const several = fields['activationsKeys'];
  const key: unknown = Array.isArray(several) ? several[place] : fields['activationsKey'];
  return typeof key === 'string' ? key : null;
}
