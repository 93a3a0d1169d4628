// Suites in the store: which revision a file becomes, and the run of a member.
import { digestOf } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import { LAST_STAGE, STAGES, type StageName } from '../../schemas/stages.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import type { DictionaryLookup } from '../../stages/train/stored-dictionary.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { finishRemoval } from '../../storage/records/removal.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { listRuns, readRevisions } from '../../storage/records/revisions.js';
import { readSuite } from '../../storage/records/suites.js';
import { parseMember } from '../files/load-suite.js';
import { memberNames } from '../files/matrix.js';
import { claimRevision, findRevision, removedAtWork, takenRevision } from './revisions.js';
import { sameRequest } from './run-records.js';
import { resolveRun, type ResolvedWithUploads } from '../resolve/resolve-run.js';

export interface SettledSuite {
  readonly suite: SuiteRecord;
  /** Whether the newest revision asks for the same. */
  readonly same: boolean;
}

/**
 * The revision of a suite: the stored one where it asks for the same, else a new one, which is stored.
 * @throws InputError where a run has that name, or another revision is active
 */
export async function settleSuite(
  store: ObjectStore,
  suite: SuiteRecord,
  isActive: (name: string) => Promise<boolean>,
): Promise<SettledSuite> {
  const { name } = suite;
  const seen = await readRevisions(store, name);
  const { revisions, waiting, highest } = seen;
  const last = revisions.at(-1);
  const latest = last === undefined ? null : await readSuite(store, { name, revision: last });
  if (last !== undefined && latest === null)
    throw new InputError(
      `Expected a name of its own for the suite, found that "${name}" is a run in ${store.url}; give another \`suite\`.`,
      { name, store: store.url },
    );
  if (latest && requestDigest(latest) === requestDigest(suite)) return { suite: latest, same: true };
  if (latest === null && (await isActive(name))) throw removedAtWork(store, name);
  if (latest && (await isActive(name)))
    throw new InputError(
      `Suite "${name}" is active with another file (revision ${latest.revision}). Wait for it, end it with \`assay cancel ${name}\`, or give this file another \`suite\`.`,
      { suite: name, revision: latest.revision },
    );
  await finishRemoval(store, name, seen);
  const again = await findRevision(waiting, async (revision) => {
    const stored = await readSuite(store, { name, revision });
    return stored !== null && requestDigest(stored) === requestDigest(suite);
  });
  const next = { ...suite, revision: again ?? highest + 1 };
  const { created } = await claimRevision(store, next, 'suite');
  const standing = created ? next : await readSuite(store, next);
  if (standing === null || requestDigest(standing) !== requestDigest(next)) throw takenRevision(store, next);
  return { suite: standing, same: false };
}

function requestDigest({ name, template, limitDocuments, until }: SuiteRecord): string {
  const { store: _store, storeOptions: _options, parallel: _parallel, ...asked } = template;
  return digestOf(JSON.parse(JSON.stringify({ name, asked, limitDocuments, until })));
}

/**
 * Looks for runs of others under the names of a suite's members, before anything is stored. Those that ask for the same are taken over.
 * @throws InputError as `refuseForeign`
 */
export async function refuseForeignRuns(
  store: ObjectStore,
  suite: SuiteRecord,
  dictionary: DictionaryLookup,
): Promise<void> {
  const taken = new Set((await listRuns(store)).map(({ name }) => name));
  let member = 0;
  for (const name of memberNames(suite)) {
    const latest = taken.has(name) ? await latestRevision(store, name) : null;
    if (latest && latest.suite !== suite.name) {
      const { run } = await resolveMember(suite, member, dictionary);
      if (!sameRequest(latest, run)) refuseForeign(suite, latest);
    }
    member++;
  }
}

/** The run of a member, resolved on this machine. @throws InputError where its files do not fit */
export async function resolveMember(
  suite: SuiteRecord,
  member: number,
  dictionary: DictionaryLookup,
): Promise<ResolvedWithUploads> {
  const resolved = await resolveRun(parseMember(suite.template, member), {
    ...{ folder: suite.folder, revision: 1, limitDocuments: suite.limitDocuments },
    until: STAGES.find((stage): stage is StageName => stage === suite.until) ?? LAST_STAGE,
    ...{ hostId: suite.hostId, nowMs: Date.now(), dictionary },
  });
  return { ...resolved, run: { ...resolved.run, suite: suite.name } };
}

/** A name means one thing: a member may not become a new revision of what is somebody else's. @throws InputError */
export function refuseForeign(suite: SuiteRecord, latest: ResolvedRun): void {
  if (latest.suite === suite.name) return;
  const owner = latest.suite === undefined ? 'a run of its own' : `a run of suite "${latest.suite}"`;
  throw new InputError(
    `Expected the runs of suite "${suite.name}" to have names of their own, found that "${latest.name}" is ${owner} with other settings; give the suite's file another \`name\`, or remove that run (\`assay rm ${latest.name}\`).`,
    { suite: suite.name, run: latest.name },
  );
}
