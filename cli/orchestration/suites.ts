// run, resume and plan of a suite: from a file with `matrix` to a living workflow, and to how its runs ended.
import os from 'node:os';
import type { Client } from '@temporalio/client';
import { startedDocument, suitePlanDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import type { ResumeMode, SuiteInput } from '../../schemas/messages.js';
import { QUEUES, WORKFLOWS } from '../../schemas/orchestration.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import type { LoadedSuite } from '../../pipeline/files/load-suite.js';
import { parseMember } from '../../pipeline/files/load-suite.js';
import { stepsOfRun } from '../../pipeline/plan/steps.js';
import { outsideOf } from '../../pipeline/allowed/outside.js';
import { memberNames } from '../../pipeline/files/matrix.js';
import { refuseForeignRuns, resolveMember, settleSuite } from '../../pipeline/plan/suite-records.js';
import { storeRun } from '../../pipeline/plan/run-records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { claimStoreId } from '../../storage/records/identity.js';
import { readRevisions } from '../../storage/records/revisions.js';
import { listSuites } from '../../storage/records/suites.js';
import type { CommandContext } from '../command.js';
import { openChosenStore } from '../store-choice.js';
import type { ResumeOptions, RunOptions } from './requests.js';
import { suitePlanText } from '../render/suite-text.js';
import { isActive, suiteWorkflowId } from './control.js';
import { missingBytes, planRows } from './plan-rows.js';
import { awaitCollection } from './collection-wait.js';
import { checkModelRuns, checkSources } from './preflight.js';
import { rememberStore } from './run-store.js';
import { allowHere } from './allow.js';
import { dictionariesIn, withFileDictionaries } from './named-dictionaries.js';
import { withLinks } from './linked-places.js';
import { createVigil, ensureWorkers, type WorkersWanted } from './run-workers.js';
import { queuesOf } from './served-queues.js';
import { startOrJoin } from './start-workflow.js';
import { counted } from '../render/quantities.js';
import { followSuite } from './follow-suite.js';
import { withUsableStore } from './probed-store.js';
import { withTemporal, workflowPage, type TemporalAddress } from './temporal-client.js';

/** `assay run SUITE.yaml` */
export async function runSuite(loaded: LoadedSuite, options: RunOptions, context: CommandContext): Promise<number> {
  const record = recordOf(loaded, { limit: options.limit ?? null, until: options.until ?? null });
  // The first run stands for all in what can be said before anything is written.
  const first = await firstMember(record, loaded, context);
  const notes = await checkSources(first, loaded.folder);
  await checkModelRuns(first);
  for (const said of notes) context.output.note(said);
  const { file } = first.run;
  const storeNamed = 'store' in loaded.template;
  const choice = await context.chooseFileStore({ file, folder: loaded.folder, storeNamed });
  const { options: storeOptions } = choice;
  const store = await openChosenStore(choice, context.output, { makes: true });
  try {
    const start = (): Promise<number> =>
      withTemporal(context, async (client, at) => {
        await awaitCollection(store, context);
        await refuseForeignRuns(store, record, dictionariesIn(store, context));
        const storeId = await claimStoreId(store);
        const active = (name: string): Promise<boolean> => isActive(client, store, suiteWorkflowId(storeId, name));
        const { suite } = await settleSuite(store, record, active);
        await rememberStore(context, { store, storeOptions }, at);
        const target = { store, storeOptions };
        return startSuite(target, suite, { ...options, client, at, context, first: first.run, mode: 'missing' });
      });
    return await withUsableStore(store, start);
  } finally {
    await store.close();
  }
}

/** `assay resume SUITE` */
export async function resumeSuite(
  suite: SuiteRecord,
  options: ResumeOptions,
  context: CommandContext,
): Promise<number> {
  const { options: storeOptions } = await context.chooseStore();
  const store = await context.openStore();
  const { run: first } = await resolveMember(suite, 0, dictionariesIn(store, context));
  return withTemporal(context, (client, at) =>
    startSuite({ store, storeOptions }, suite, { ...options, client, at, context, first }),
  );
}

/** `assay plan SUITE.yaml`: one run after the other. */
export async function planSuite(loaded: LoadedSuite, exact: boolean, context: CommandContext): Promise<number> {
  const record = recordOf(loaded, { limit: null, until: null });
  const { template, folder } = loaded;
  const first = await firstMember(record, loaded, context);
  const notes = await checkSources(first, folder);
  await checkModelRuns(first);
  for (const said of notes) context.output.note(said);
  const { file } = first.run;
  const choice = await context.chooseFileStore({ file, folder, storeNamed: 'store' in template });
  const store = await openChosenStore(choice, context.output);
  try {
    const dictionary = dictionariesIn(store, context);
    await refuseForeignRuns(store, record, dictionary);
    const members = [];
    for (let member = 0; member < loaded.members; member++) {
      const { run } = await resolveMember(record, member, dictionary);
      const rows = await planRows(store, run, { exact, folder: loaded.folder });
      const missing = new Map(rows.map((row) => [row.step, row.missing ?? row.planned]));
      members.push({
        run: run.name,
        steps: stepsOfRun(run).length,
        missing: [...missing.values()].reduce<number>((sum, n) => sum + (n ?? 0), 0),
        bytes: missingBytes(rows),
        seconds: rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0),
      });
      context.output.progress(`planned ${member + 1} of ${loaded.members}`);
    }
    context.output.progress(null);
    const document = { suite: loaded.suite, parallel: loaded.parallel, members };
    context.output.result(suitePlanDocument, document, () => suitePlanText(document));
    return EXIT.done;
  } finally {
    await store.close();
  }
}

/** The run of a suite's member that the suite has not begun, stored now; null where no suite has such a member, or it is being removed. */
export async function memberNotBegun(
  store: ObjectStore,
  name: string,
  context: Pick<CommandContext, 'io' | 'environment'>,
): Promise<ResolvedRun | null> {
  const { revisions, highest, removing } = await readRevisions(store, name);
  if (revisions.length > 0 || removing) return null;
  for (const suite of await listSuites(store)) {
    let member = 0;
    for (const one of memberNames(suite)) {
      if (one === name) {
        const { run, uploads } = await resolveMember(suite, member, dictionariesIn(store, context));
        return storeRun(store, { ...run, revision: highest + 1 }, uploads);
      }
      member++;
    }
  }
  return null;
}

/** The run of the first member, before the suite's store is opened for good. */
function firstMember(
  record: SuiteRecord,
  { folder, template }: LoadedSuite,
  context: CommandContext,
): ReturnType<typeof resolveMember> {
  const file = parseMember(record.template, 0);
  const place = { file, folder, storeNamed: 'store' in template };
  return withFileDictionaries(context, place, (dictionary) => resolveMember(record, 0, dictionary));
}

function recordOf(
  { suite, folder, template, members, parallel }: LoadedSuite,
  { limit, until }: { readonly limit: number | null; readonly until: string | null },
): SuiteRecord {
  return {
    ...{ formatVersion: 1, kind: 'suite', name: suite, revision: 1, createdMs: Date.now(), hostId: os.hostname() },
    ...{ folder, template: { ...template }, members, parallel, limitDocuments: limit, until },
  };
}

interface SuiteTarget {
  readonly store: ObjectStore;
  readonly storeOptions: SuiteInput['ref']['store']['options'];
}

interface SuiteStart {
  readonly client: Client;
  readonly at: TemporalAddress;
  readonly context: CommandContext;
  readonly mode: ResumeMode;
  readonly follow: boolean;
  readonly workers: number | undefined;
  /** A run of the suite: workers are started for its engine. */
  readonly first: ResolvedRun;
}

async function startSuite(
  { store, storeOptions }: SuiteTarget,
  suite: SuiteRecord,
  start: SuiteStart,
): Promise<number> {
  const { client, at, context, mode, first } = start;
  const { name, revision, members, parallel } = suite;
  const storeId = await claimStoreId(store);
  const workflowId = suiteWorkflowId(storeId, name);
  const input: SuiteInput = {
    ref: { store: { url: store.url, options: storeOptions }, run: name, revision },
    ...{ storeId, members, parallel, mode, hostQueue: QUEUES.host(suite.hostId) },
  };
  const files = Array.from({ length: members }, (_, member) => parseMember(suite.template, member));
  const places = files.flatMap((file) => outsideOf(file, suite.folder));
  await allowHere(context, { url: store.url, options: storeOptions }, await withLinks(places));
  const { joined, runId } = await startOrJoin(client, {
    type: WORKFLOWS.suite,
    store,
    workflowId,
    input,
    attributes: { run: name },
  });
  const stages = stepsOfRun(first).map(({ stage }) => stage);
  const wanted: WorkersWanted = {
    ...{ client, at, context, revision: first, workflowId, workers: start.workers, places: [suite.folder] },
    queues: [...new Set([...queuesOf(first, stages), QUEUES.host(suite.hostId)])],
  };
  await ensureWorkers(wanted);
  const web = workflowPage(at, workflowId);
  const started = { run: name, revision, workflow: workflowId, store: store.url, joined, web };
  const text = `${joined ? 'joined' : 'started'} suite ${name} (${counted(members, 'run')}, ${parallel} at once)${web === null ? '' : `\nweb page: ${web}`}`;
  if (!start.follow) {
    context.output.result(
      startedDocument,
      { ...started, state: 'running', failure: null },
      () => `${text}\nfollow it with: assay status ${name} --watch`,
    );
    return EXIT.done;
  }
  context.output.note(text);
  const end = await followSuite(store, suite, {
    ...{ workflow: client.workflow.getHandle(workflowId), runId, context, vigil: createVigil(wanted) },
  });
  context.output.result(startedDocument, { ...started, state: end.state, failure: end.failure }, () => end.text);
  return end.exitCode;
}
