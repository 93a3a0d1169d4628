// run and resume: from a run file or a stored run to a living workflow, and to the exit code of how it ended.
import { LAST_STAGE, type StageName } from '../../schemas/stages.js';
import os from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { startedDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { WORKFLOWS } from '../../schemas/orchestration.js';
import type { ResumeMode, RunInput, StoreOptionsMessage } from '../../schemas/messages.js';
import { loadRunFile } from '../../pipeline/files/load.js';
import { loadSuite } from '../../pipeline/files/load-suite.js';
import { defaultChildBytes } from '../../pipeline/plan/child-ceiling.js';
import { childMemoryNotes } from '../../pipeline/plan/child-memory.js';
import { extractionMemoryNote } from '../../pipeline/plan/extraction-memory.js';
import { resolveRun } from '../../pipeline/resolve/resolve-run.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { runInputOf, settleRun } from '../../pipeline/execute/submit.js';
import { remainingWork, type RemainingWork } from '../../pipeline/plan/run-records.js';
import { stepsOfRun } from '../../pipeline/plan/steps.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { CommandContext } from '../command.js';
import { openChosenStore } from '../store-choice.js';
import { counted } from '../render/quantities.js';
import { whatChanged } from '../render/revision-text.js';
import { claimStoreId, readStoreId } from '../../storage/records/identity.js';
import { findRun } from '../../storage/records/run-history.js';
import { findSuite } from '../../storage/records/suites.js';
import { isActive, runWorkflowId } from './control.js';
import { followRun } from './follow.js';
import type { RunEnd } from './run-end.js';
import type { ResumeOptions, RunOptions } from './requests.js';
import { createVigil, ensureWorkers, type WorkersWanted } from './run-workers.js';
import { queuesOf } from './served-queues.js';
import { awaitCollection } from './collection-wait.js';
import { withFileDictionaries } from './named-dictionaries.js';
import { checkModelRuns, checkRoom, checkSources } from './preflight.js';
import { allowHere } from './allow.js';
import { stackFolder } from './stack-folder.js';
import { rememberStore } from './run-store.js';
import { startOrJoin, type StartedWorkflow } from './start-workflow.js';
import { memberNotBegun, resumeSuite, runSuite } from './suites.js';
import { withUsableStore } from './probed-store.js';
import { withTemporal, workflowPage, type TemporalAddress } from './temporal-client.js';

interface StoreTarget {
  readonly store: ObjectStore;
  readonly options: StoreOptionsMessage;
}

/** `assay run RUN.yaml` */
export async function run(options: RunOptions, context: CommandContext): Promise<number> {
  const suite = await loadSuite(path.resolve(context.io.cwd, options.file));
  if (suite) return runSuite(suite, options, context);
  const loaded = await loadRunFile(path.resolve(context.io.cwd, options.file));
  const { runFile, folder, locate, storeNamed } = loaded;
  const resolved = await withFileDictionaries(context, { file: runFile, folder, storeNamed }, (dictionary) =>
    resolveRun(runFile, {
      ...{ folder, revision: 1, hostId: os.hostname(), nowMs: Date.now(), dictionary },
      ...{ until: options.until ?? LAST_STAGE, limitDocuments: options.limit ?? null, locate },
    }),
  );
  const notes = await checkSources(resolved, folder);
  await checkModelRuns(resolved);
  const memory = childMemoryNotes(resolved.run, defaultChildBytes());
  for (const note of [...notes, extractionMemoryNote(resolved.run), memory.warning])
    if (note !== null) context.output.note(note);
  const choice = await context.chooseFileStore({ file: runFile, folder, storeNamed });
  const { options: storeOptions } = choice;
  const store = await openChosenStore(choice, context.output, { makes: true });
  try {
    await checkRoom({
      ...{ store, run: resolved.run, folder },
      workerFolder: context.environment.temporalAddress === null ? await stackFolder(context) : null,
    });
    const start = (): Promise<number> =>
      withTemporal(context, async (client, at) => {
        await awaitCollection(store, context);
        const storeId = await claimStoreId(store);
        const active = (name: string): Promise<boolean> => isActive(client, store, runWorkflowId(storeId, name));
        const { run: revision, before, same } = await settleRun(store, resolved, active);
        if (before && !same) context.output.note(whatChanged(before, revision));
        await rememberStore(context, { store, storeOptions }, at);
        let stages: readonly StageName[] | undefined;
        if (same && !(await active(revision.name))) {
          const left = await remainingWork(store, revision, 'missing');
          if (left.complete) return sayNothingLeft(context, { store, run: revision, left, what: 'do' });
          stages = openStages(left);
        }
        return startAndFollow({ store, options: storeOptions }, revision, {
          client,
          at,
          context,
          mode: 'missing',
          follow: options.follow,
          workers: options.workers,
          ...(stages === undefined ? {} : { stages }),
        });
      });
    return await withUsableStore(store, start);
  } finally {
    await store.close();
  }
}

/** `assay resume RUN` */
export async function resume(options: ResumeOptions, context: CommandContext): Promise<number> {
  const { options: storeOptions } = await context.chooseStore();
  const store = await context.openStore();
  const suite = await findSuite(store, options.run);
  if (suite) return resumeSuite(suite, options, context);
  const revision = (await memberNotBegun(store, options.run, context)) ?? (await storedRun(store, options.run));
  let stages: readonly StageName[] | undefined;
  if (options.mode !== 'all') {
    const left = await remainingWork(store, revision, options.mode);
    if (left.complete) return sayNothingLeft(context, { store, run: revision, left, what: 'resume' });
    stages = openStages(left);
  }
  return withTemporal(context, (client, at) =>
    startAndFollow({ store, options: storeOptions }, revision, {
      client,
      at,
      context,
      mode: options.mode,
      follow: options.follow,
      workers: options.workers,
      ...(stages === undefined ? {} : { stages }),
    }),
  );
}

/** The stages that are not known to be done. */
function openStages({ steps }: RemainingWork): StageName[] {
  return steps.flatMap(({ stage, work }) => (work?.todo.length === 0 ? [] : [stage]));
}

async function storedRun(store: ObjectStore, name: string): Promise<ResolvedRun> {
  await findRun(store, name);
  return (await latestRevision(store, name)) as ResolvedRun;
}

interface Finished {
  readonly store: ObjectStore;
  readonly run: ResolvedRun;
  readonly left: RemainingWork;
  readonly what: 'do' | 'resume';
}

async function sayNothingLeft(context: CommandContext, { store, run, left, what }: Finished): Promise<number> {
  const quarantined = left.steps.reduce((n, { work }) => n + (work?.quarantined ?? 0), 0);
  const workflow = runWorkflowId(await readStoreId(store), run.name);
  const note =
    quarantined > 0
      ? ` ${counted(quarantined, 'shard')} ${quarantined === 1 ? 'is' : 'are'} quarantined: assay quarantine ${run.name}; try again with --mode errored.`
      : '';
  context.output.result(
    startedDocument,
    {
      run: run.name,
      revision: run.revision,
      workflow,
      store: store.url,
      joined: false,
      state: 'completed',
      failure: null,
      web: null,
    },
    () => `${run.name}: everything is done, nothing to ${what}.${note}`,
  );
  return EXIT.done;
}

interface StartOptions {
  readonly client: Client;
  readonly at: TemporalAddress;
  readonly context: CommandContext;
  readonly mode: ResumeMode;
  readonly follow: boolean;
  readonly workers: number | undefined;
  /** Stages that are still to do; all of the run's by default. */
  readonly stages?: readonly StageName[];
}

async function startAndFollow(target: StoreTarget, revision: ResolvedRun, options: StartOptions): Promise<number> {
  const { client, at, context, mode } = options;
  const { store } = target;
  const workflowId = runWorkflowId(await claimStoreId(store), revision.name);
  const input = runInputOf(revision, { url: store.url, options: target.options }, mode);
  const places = revision.parts.map(({ location }) => location);
  await allowHere(context, { url: store.url, options: target.options }, places);
  const { joined, runId } = await startWorkflow(client, { workflowId, input, revision, store });
  const wanted: WorkersWanted = {
    ...{ client, at, context, revision, workflowId, workers: options.workers },
    queues: queuesOf(revision, options.stages ?? stepsOfRun(revision).map(({ stage }) => stage)),
  };
  await ensureWorkers(wanted);
  const web = workflowPage(at, workflowId);
  const started = {
    run: revision.name,
    revision: revision.revision,
    workflow: workflowId,
    store: store.url,
    joined,
    web,
  };
  const text = `${joined ? 'joined' : 'started'} ${revision.name} (revision ${revision.revision})${web === null ? '' : `\nweb page: ${web}`}`;
  if (!options.follow) {
    context.output.result(
      startedDocument,
      { ...started, state: 'running', failure: null },
      () => `${text}\nfollow it with: assay status ${revision.name} --watch`,
    );
    return EXIT.done;
  }
  context.output.note(text);
  const end = await followRun({
    store,
    run: revision,
    workflow: client.workflow.getHandle(workflowId, runId),
    execution: { runId, joined },
    context,
    vigil: createVigil(wanted),
  });
  const { state, failure, recomputed, text: ending } = end;
  const document = { ...started, state, failure, ...(recomputed && { recomputed }) };
  context.output.result(startedDocument, document, () =>
    context.io.stdout.isTTY ? withNext(ending, end, revision) : ending,
  );
  return end.exitCode;
}

/** Dictionaries that a next command is spelt out for. */
const MOST_NAMED = 3;

/** How a run ended, and for a person what comes next. */
function withNext(text: string, { state, failure }: RunEnd, { name, until, dictionaries }: ResolvedRun): string {
  if (state !== 'completed' || failure !== null || until !== LAST_STAGE || dictionaries.length === 0) return text;
  const named = dictionaries.slice(0, MOST_NAMED).map((dictionary) => `${name}/${dictionary.name}`);
  return `${text}\nNext: assay metrics ${named.join(' ')}`;
}

interface WorkflowStart {
  readonly store: ObjectStore;
  readonly workflowId: string;
  readonly input: RunInput;
  readonly revision: ResolvedRun;
}

function startWorkflow(
  client: Client,
  { workflowId, input, revision, store }: WorkflowStart,
): Promise<StartedWorkflow> {
  const model = 'trained' in revision.model ? 'trained' : revision.model.reference.base.slice(0, 16);
  const attributes = { run: revision.name, model, owner: revision.file.owner };
  return startOrJoin(client, { type: WORKFLOWS.run, store, workflowId, input, attributes });
}
