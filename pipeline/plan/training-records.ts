// What the store keeps of a training beside its results: its resolved configuration as a revision.
import { z } from 'zod';
import { digestOf } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { finishRemoval } from '../../storage/records/removal.js';
import { readRevisions } from '../../storage/records/revisions.js';
import { getRunDocument } from '../../storage/records/runs.js';
import { parseResolvedTraining, type ResolvedTraining } from '../../schemas/resolved-training.js';
import type { Upload } from '../resolve/upload.js';
import { claimRevision, takenRevision } from './revisions.js';
import { storeUploads } from './run-records.js';

const DOCUMENT = 'training';

/** The revision under which this training stands or would stand. @throws InputError where a run has that name */
export async function settleRevision(
  store: ObjectStore,
  training: ResolvedTraining,
): Promise<{ readonly training: ResolvedTraining; readonly known: boolean }> {
  const { name } = training;
  const { revisions, highest } = await readRevisions(store, name);
  const latest = revisions.at(-1);
  if (latest === undefined) return { training: withRevision(training, highest + 1), known: false };
  const wanted = { document: DOCUMENT, schema: z.unknown() } as const;
  const record = await getRunDocument(store, { name, revision: latest }, wanted);
  if (record === null)
    throw new InputError(
      `Expected a name of its own for the training, found that "${name}" is a run in ${store.url}; choose another \`name\`.`,
      { name, store: store.url },
    );
  const same = withRevision(training, latest);
  const before = parseResolvedTraining(record, `runs/${name}/${latest}/${DOCUMENT}.json`);
  const known = requestDigest(before) === requestDigest(same);
  return known ? { training: same, known } : { training: withRevision(training, highest + 1), known };
}

function withRevision(training: ResolvedTraining, revision: number): ResolvedTraining {
  const tokens = training.corpus ? { ...training.tokens, revision } : training.tokens;
  return { ...training, revision, tokens };
}

/** Digest of what is asked for, wherever it is computed and stored. */
function requestDigest(training: ResolvedTraining): string {
  const file = { ...training.file, store: null, storeOptions: null, compute: null };
  const models = training.models.map(({ config, ...rest }) => ({
    ...rest,
    config: { ...config, aux: { ...config.aux, checkpointMs: null } },
  }));
  return digestOf(JSON.parse(JSON.stringify({ ...training, file, models })));
}

/**
 * Stores the given files and the revision, behind what is left of a removed one. Safe to repeat.
 * @throws InputError where another file got the revision at the same moment
 */
export async function storeTraining(
  store: ObjectStore,
  training: ResolvedTraining,
  uploads: readonly Upload[],
): Promise<void> {
  const seen = await readRevisions(store, training.name);
  if (seen.highest < training.revision) await finishRemoval(store, training.name, seen);
  await storeUploads(store, uploads);
  const { record } = await claimRevision(store, training, DOCUMENT);
  const standing = parseResolvedTraining(record, `runs/${training.name}/${training.revision}/${DOCUMENT}.json`);
  if (requestDigest(standing) !== requestDigest(training)) throw takenRevision(store, training);
}
