// From a resolved run to what its workflow is given: which revision it becomes, its steps, its limits.
import { InputError } from '../../schemas/errors.js';
import type { MemberPrepared, ResumeMode, RunInput, StoreOptionsMessage } from '../../schemas/messages.js';
import { LIMITS } from '../../schemas/orchestration.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { DictionaryLookup } from '../../stages/train/stored-dictionary.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { finishRemoval } from '../../storage/records/removal.js';
import { latestRevision, readResolvedRun } from '../../storage/records/resolved-runs.js';
import { readRevisions } from '../../storage/records/revisions.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import { remainingWork, sameRequest, storeRun } from '../plan/run-records.js';
import { refuseForeign, resolveMember } from '../plan/suite-records.js';
import { findRevision, removedAtWork } from '../plan/revisions.js';
import { memberName } from '../files/matrix.js';
import { stepGraph, stepsOfRun } from '../plan/steps.js';
import type { ResolvedWithUploads } from '../resolve/resolve-run.js';

export interface SettledRun {
  readonly run: ResolvedRun;
  /** The revision before, where this is a new one. */
  readonly before: ResolvedRun | null;
  /** Whether the newest revision asks for the same. */
  readonly same: boolean;
}

/**
 * The revision to run: the stored one where the file asks for the same, else a new one, which is stored.
 * @param isActive whether the run's workflow is alive
 * @throws InputError where another revision is active
 */
export async function settleRun(
  store: ObjectStore,
  { run, uploads }: Pick<ResolvedWithUploads, 'run' | 'uploads'>,
  isActive: (name: string) => Promise<boolean>,
): Promise<SettledRun> {
  const { name } = run;
  const seen = await readRevisions(store, name);
  const { revisions, waiting, highest } = seen;
  const last = revisions.at(-1);
  const latest = last === undefined ? null : await readResolvedRun(store, { name, revision: last });
  if (latest && sameRequest(latest, run)) return { run: latest, before: latest, same: true };
  if (latest === null && (await isActive(name))) throw removedAtWork(store, name);
  if (latest && (await isActive(name)))
    throw new InputError(
      `Run "${name}" is active with another run file (revision ${latest.revision}). Wait for it, end it with \`assay cancel ${name}\`, or give this file another name.`,
      { run: name, revision: latest.revision },
    );
  await finishRemoval(store, name, seen);
  // Stored by a command that was refused or killed before it started anything: the same file takes it up.
  const again = await findRevision(waiting, async (revision) =>
    sameRequest(await readResolvedRun(store, { name, revision }), run),
  );
  const next = { ...run, revision: again ?? highest + 1 };
  const stored = await storeRun(store, next, uploads);
  return { run: stored, before: latest, same: false };
}

/** What a run's workflow is given. */
export function runInputOf(
  run: ResolvedRun,
  target: { readonly url: string; readonly options: StoreOptionsMessage },
  mode: ResumeMode,
): RunInput {
  const { quarantinedShards, noProgressSeconds } = run.file.tolerance;
  return {
    ref: { store: target, run: run.name, revision: run.revision },
    steps: stepGraph(stepsOfRun(run)),
    mode,
    window: LIMITS.window,
    tolerance: quarantinedShards,
    ...(noProgressSeconds === undefined ? {} : { noProgressSeconds }),
  };
}

/** Resolves and stores the run of a suite's member. @throws InputError where its files do not fit */
export async function prepareMember(
  store: ObjectStore,
  of: {
    readonly suite: SuiteRecord;
    readonly member: number;
    readonly mode: ResumeMode;
    readonly target: { readonly url: string; readonly options: StoreOptionsMessage };
    /** Dictionaries of the store. */
    readonly dictionary: DictionaryLookup;
  },
): Promise<MemberPrepared> {
  const { suite, member, mode, target, dictionary } = of;
  const resolved = await resolveMember(suite, member, dictionary);
  const latest = await latestRevision(store, resolved.run.name);
  // A run that asks for the same is taken over, whoever started it.
  if (latest && !sameRequest(latest, resolved.run)) refuseForeign(suite, latest);
  const { run, same } = await settleRun(store, resolved, () => Promise.resolve(false));
  const done = same && mode !== 'all' && (await remainingWork(store, run, mode)).complete;
  return { run: memberName(suite.template, member), input: done ? null : runInputOf(run, target, mode) };
}
