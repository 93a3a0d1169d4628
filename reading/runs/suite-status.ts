// How the runs of a suite stand, from the store alone. One run at a time is looked at, so that a suite of any size fits.
import type { z } from 'zod';
import type { suiteStatusDocument } from '../../schemas/documents/runs.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import { DataError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readEvents } from '../../storage/records/events.js';
import { mapParallel } from '../../storage/records/parallel.js';
import { foldEvents } from '../../storage/records/run-history.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { readRevisions } from '../../storage/records/revisions.js';

export type SuiteStatus = z.infer<typeof suiteStatusDocument>;
type Member = SuiteStatus['members'][number];

const RUNS_AT_ONCE = 8;

/** @param names the runs of the suite */
export async function readSuiteStatus(
  store: ObjectStore,
  suite: SuiteRecord,
  names: Iterable<string>,
): Promise<SuiteStatus> {
  const { name, revision } = suite;
  const events = await readEvents(store, suite);
  const { state, reason, startedMs, changedMs } = foldEvents(events);
  // Members that never became a run.
  const refused = new Map(
    events
      .filter(({ type, data }) => type === 'member-failed' && data['run'] === null)
      .map(({ data }) => [Number(data['member']), String(data['message'])] as const),
  );
  const members = await mapParallel([...names], RUNS_AT_ONCE, async (run, i): Promise<Member> => {
    const member = await readMember(store, run);
    const why = refused.get(i);
    if (why === undefined) return member;
    // A run of that name is somebody else's then, unless the suite was resumed since.
    const isOwn = !['waiting', 'removing'].includes(member.state) && (await latestRevision(store, run))?.suite === name;
    return isOwn ? member : { run, state: 'failed', stage: null, reason: why };
  });
  const counts: Record<string, number> = {};
  for (const member of members) counts[member.state] = (counts[member.state] ?? 0) + 1;
  return { suite: name, revision, state, reason, startedMs, changedMs, counts, members };
}

async function readMember(store: ObjectStore, run: string): Promise<Member> {
  const { revisions, removing } = await readRevisions(store, run);
  const revision = revisions.at(-1);
  if (revision === undefined) return { run, state: removing ? 'removing' : 'waiting', stage: null, reason: null };
  try {
    const { state, stage, reason } = foldEvents(await readEvents(store, { name: run, revision }));
    return { run, state: state === 'unknown' ? 'waiting' : state, stage, reason };
  } catch (error) {
    // One damaged run hides no other.
    if (!(error instanceof DataError)) throw error;
    return { run, state: 'damaged', stage: null, reason: error.message };
  }
}
