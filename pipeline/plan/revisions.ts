// Revisions are given out by who creates their first record: whoever comes second to one must notice. A revision is of one kind,
// a run, a suite or a training.
import { z } from 'zod';
import { InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { revisionPrefix, type RunRevision } from '../../storage/records/key-layout.js';
import { getRunDocument, putRunDocument, type RunDocument } from '../../storage/records/runs.js';

const KINDS = ['config', 'suite', 'training'] as const satisfies readonly RunDocument[];
type Kind = (typeof KINDS)[number];

/**
 * The record that stands for the revision: this one, or one of the same kind that was there first.
 * @param revision the record to store, which says its name and number
 * @throws InputError where something of another kind got the revision at the same moment
 */
export async function claimRevision(
  store: ObjectStore,
  revision: RunRevision,
  kind: Kind,
): Promise<{ readonly record: unknown; readonly created: boolean }> {
  const plain = JSON.parse(JSON.stringify(revision)) as unknown;
  const outcome = await putRunDocument(store, revision, { document: kind, value: plain, schema: z.unknown() });
  for (const other of KINDS) {
    if (other === kind) continue;
    if ((await getRunDocument(store, revision, { document: other, schema: z.unknown() })) === null) continue;
    // Both may see each other and both give way: neither has started anything.
    if (outcome.created) await store.delete(`${revisionPrefix(revision)}${kind}.json`);
    throw takenRevision(store, revision);
  }
  return outcome;
}

/** The first of these revisions that is what is looked for, or null. */
export async function findRevision(
  revisions: readonly number[],
  isWanted: (revision: number) => Promise<boolean>,
): Promise<number | null> {
  for (const revision of revisions) if (await isWanted(revision)) return revision;
  return null;
}

/** The error of who would start anew what was removed with --force and has not ended. */
export function removedAtWork(store: ObjectStore, name: string): InputError {
  return new InputError(
    `Expected nothing at work under the name "${name}", which has no records in ${store.url}, found a workflow that is alive: it was removed while it was at work. End it with \`assay cancel ${name}\`, then start this file again.`,
    { name, store: store.url },
  );
}

/** The error of who came second. */
export function takenRevision(store: ObjectStore, { name, revision }: RunRevision): InputError {
  return new InputError(
    `Expected revision ${revision} of "${name}" to be free, found that another file was started under this name in ${store.url} at the same moment; give one of them another name, or start this one again when that has ended (it then becomes the next revision).`,
    { name, revision },
  );
}
