// run and resume: from a run file or a stored run to a living workflow, and to the exit code of how it ended.
import { LAST_STAGE } from '../../schemas/stages.js';
import os from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { startedDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { WORKFLOWS } from '../../schemas/orchestration.js';
import type { ResumeMode, RunInput, StoreOptionsMessage } from '../../schemas/messages.js';
import { loadRunFile } from '../../pipeline/files/load.js';
import { loadSuite } from '../../pipeline/files/load-suite.js';
import { extractionMemoryNote } from '../../pipeline/plan/extraction-memory.js';
import { resolveRun } from '../../pipeline/resolve/resolve-run.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { runInputOf, settleRun } from '../../pipeline/execute/submit.js';
import { remainingWork, type RemainingWork } from '../../pipeline/plan/run-records.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { canonicalStoreUrl, openStore } from '../../storage/objects/open-store.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { assertUsableStore } from '../../storage/probe/probe-store.js';
import type { CommandContext } from '../command.js';
import { differences } from '../../reading/runs/explain.js';
import { claimStoreId, readStoreId } from '../../storage/records/identity.js';
import { findRun } from '../../storage/records/run-history.js';
import { findSuite } from '../../storage/records/suites.js';
import { isActive, runWorkflowId } from './control.js';
import { followRun } from './follow.js';
import type { ResumeOptions, RunOptions } from './requests.js';
import { ensureWorkers } from './run-workers.js';
import { checkModelRuns, checkRoom, checkSources } from './preflight.js';
import { stackFolder } from './stack-commands.js';
import { localStoreOptions, rememberStore } from './run-store.js';
import { startOrJoin } from './start-workflow.js';
import { memberNotBegun, resumeSuite, runSuite } from './suites.js';
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
  const { runFile, folder } = loaded;
  const url = context.storeOption ?? context.environment.store ?? runFile.store;
  const base = url === runFile.store ? folder : context.io.cwd;
  const resolved = await resolveRun(runFile, {
    ...{ folder, revision: 1, hostId: os.hostname(), nowMs: Date.now() },
    ...{ until: options.until ?? LAST_STAGE, limitDocuments: options.limit ?? null },
  });
  await checkSources(resolved.run, folder);
  await checkModelRuns(resolved);
  const note = extractionMemoryNote(resolved.run);
  if (note !== null) context.output.note(note);
  const storeOptions = runFile.storeOptions ?? (await localStoreOptions(context, canonicalStoreUrl(url, base)));
  const store = await openStore(canonicalStoreUrl(url, base), { storeOptions });
  try {
    await checkRoom({
      ...{ store, run: resolved.run, folder },
      workerFolder: context.environment.temporalAddress === null ? await stackFolder(context) : null,
    });
    await assertUsableStore(store);
    return await withTemporal(context, async (client, at) => {
      const storeId = await claimStoreId(store);
      const active = (name: string): Promise<boolean> => isActive(client, store, runWorkflowId(storeId, name));
      const { run: revision, before, same } = await settleRun(store, resolved, active);
      if (before && !same) context.output.note(whatChanged(before, revision));
      await rememberStore(context, { store, storeOptions }, at);
      if (same && !(await active(revision.name))) {
        const left = await remainingWork(store, revision, 'missing');
        if (left.complete) return sayNothingLeft(context, { store, run: revision, left, what: 'do' });
      }
      return startAndFollow({ store, options: storeOptions }, revision, {
        client,
        at,
        context,
        mode: 'missing',
        follow: options.follow,
        workers: options.workers,
      });
    });
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
  const revision = (await memberNotBegun(store, options.run)) ?? (await storedRun(store, options.run));
  if (options.mode !== 'all') {
    const left = await remainingWork(store, revision, options.mode);
    if (left.complete) return sayNothingLeft(context, { store, run: revision, left, what: 'resume' });
  }
  return withTemporal(context, (client, at) =>
    startAndFollow({ store, options: storeOptions }, revision, {
      client,
      at,
      context,
      mode: options.mode,
      follow: options.follow,
      workers: options.workers,
    }),
  );
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
      ? ` ${quarantined} shards are quarantined: assay quarantine ${run.name}; try them again with --mode errored.`
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
      web: null,
    },
    () => `${run.name}: everything is done, nothing to ${what}.${note}`,
  );
  return EXIT.done;
}

function whatChanged(before: ResolvedRun, now: ResolvedRun): string {
  const fields = differences(before.file, now.file).map(
    (d) => `  ${d.field}: ${JSON.stringify(d.before)} → ${JSON.stringify(d.after)}`,
  );
  const old = new Set(before.parts.map((part) => part.digest));
  const added = now.parts.filter((part) => !old.has(part.digest)).length;
  if (added > 0) fields.push(`  ${added} new parts of the corpus`);
  return [
    `revision ${now.revision} of ${now.name}; changed against revision ${before.revision}:`,
    ...fields,
    `What is recomputed and why: assay explain ${now.name}`,
  ].join('\n');
}

interface StartOptions {
  readonly client: Client;
  readonly at: TemporalAddress;
  readonly context: CommandContext;
  readonly mode: ResumeMode;
  readonly follow: boolean;
  readonly workers: number | undefined;
}

async function startAndFollow(target: StoreTarget, revision: ResolvedRun, options: StartOptions): Promise<number> {
  const { client, at, context, mode } = options;
  const { store } = target;
  const workflowId = runWorkflowId(await claimStoreId(store), revision.name);
  const input = runInputOf(revision, { url: store.url, options: target.options }, mode);
  const joined = await startWorkflow(client, { workflowId, input, revision, store });
  await ensureWorkers({
    ...{ client, at, context, revision, workflowId },
    workers: options.workers,
  });
  const web = workflowPage(at, workflowId);
  const started = {
    run: revision.name,
    revision: revision.revision,
    workflow: workflowId,
    store: store.url,
    joined,
    web,
  };
  const text = `${joined ? 'joined' : 'started'} ${revision.name} (revision ${revision.revision}) in ${store.url}${web === null ? '' : `\nweb page: ${web}`}`;
  if (!options.follow) {
    context.output.result(
      startedDocument,
      { ...started, state: 'running' },
      () => `${text}\nfollow it with: assay status ${revision.name} --watch`,
    );
    return EXIT.done;
  }
  context.output.note(text);
  const end = await followRun({
    store,
    run: revision,
    workflow: client.workflow.getHandle(workflowId),
    context,
  });
  context.output.result(startedDocument, { ...started, state: end.state }, () => end.text);
  return end.exitCode;
}

interface WorkflowStart {
  readonly store: ObjectStore;
  readonly workflowId: string;
  readonly input: RunInput;
  readonly revision: ResolvedRun;
}

/** Whether it runs already. */
function startWorkflow(client: Client, { workflowId, input, revision, store }: WorkflowStart): Promise<boolean> {
  const model = 'trained' in revision.model ? 'trained' : revision.model.reference.base.slice(0, 16);
  const attributes = { run: revision.name, model, owner: revision.file.owner };
  return startOrJoin(client, { type: WORKFLOWS.run, store, workflowId, input, attributes });
}
