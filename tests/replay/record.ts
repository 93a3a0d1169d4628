// Records histories of every workflow type for the replay tests, from real runs of this release: after `npm run build`,
// `node dist/tests/replay/record.js`. Names of the machine that records are replaced. A released version's folder is never changed.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { packageRoot } from '../../runtime/package-root.js';
import { QUEUES, SIGNALS } from '../../schemas/orchestration.js';
import { createProject, type Project } from '../e2e/harness/project.js';
import { progressOf, untilStatus } from '../e2e/harness/watch.js';
import { startTestWorker } from '../e2e/harness/worker.js';
import { startTestTemporal } from '../servers/temporal.js';
import type { StageInput } from '../../workflows/stage-state.js';

type Replacement = readonly [from: string, to: string];
type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

interface Recorder {
  readonly client: Client;
  readonly project: Project;
  readonly save: (name: string, workflowId: string, runId?: string) => Promise<History>;
}

const root = packageRoot();
const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
  version: string;
};
const folder = path.join(root, 'tests', 'replay', 'histories', version);

await record();

async function record(): Promise<void> {
  await mkdir(folder, { recursive: true });
  const temporal = await startTestTemporal();
  const project = await createProject({ address: temporal.address });
  const worker = await startTestWorker(project, { address: temporal.address });
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection });
  const replacements: Replacement[] = [
    [project.folder, '/project'],
    [root, '/assay'],
    [`@${os.hostname()}`, '@recorder'],
    [QUEUES.host(os.hostname()), QUEUES.host('recorder')],
  ];
  const save: Recorder['save'] = async (name, workflowId, runId) => {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const json = anonymous(JSON.parse(historyToJSON(history)), replacements);
    await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(json, null, 1)}\n`);
    return history;
  };
  try {
    const recorder = { client, project, save };
    const workflow = await recordRuns(recorder);
    await recordPartitions(recorder, `${workflow}/tokens`);
    await recordSuite(recorder);
    await recordSchedule(recorder);
  } finally {
    await connection.close();
    await worker.stop();
    await project.remove();
    await temporal.stop();
  }
}

/** A run that is paused and unpaused in activations; its stages with and without a pause. Returns the run's workflow id. */
async function recordRuns({ project, save }: Recorder): Promise<string> {
  const { workflow } = await project.json<{ workflow: string }>('run', 'run.yaml');
  await untilStatus(project, (status) => progressOf(status, 'activations').done > 0);
  await project.assay('pause', 'small');
  await sleep(4000);
  await project.assay('set', 'small', '--window', '2');
  await project.assay('unpause', 'small');
  await untilStatus(project, ({ state }) => state === 'completed');
  await save('run-paused', workflow);
  await save('stage-paused', `${workflow}/activations`);
  await save('stage', `${workflow}/tokens`);
  await save('stage-train', `${workflow}/train@blocks.2.hook_resid_post`);
  return workflow;
}

/** The tokens stage again, in two partitions of few lots that continue as new; it begins paused. */
async function recordPartitions({ client, save }: Recorder, stageId: string): Promise<void> {
  const before = await client.workflow.getHandle(stageId).fetchHistory();
  const payload = before.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  if (!payload) throw new Error(`no input in the history of ${stageId}`);
  const input = defaultPayloadConverter.fromPayload<StageInput>(payload);
  const lots = input.planned.lots;
  if (lots < 4) throw new Error(`Expected at least 4 lots for two partitions, found ${lots}.`);
  const again: StageInput = {
    ...input,
    run: { ...input.run, mode: 'all' },
    paused: true,
    bounds: { lotsPerPartition: Math.ceil(lots / 2), lotsPerContinueAsNew: 1 },
  };
  const workflowId = 'partitions';
  const handle = await client.workflow.start('stageWorkflow', {
    ...{ workflowId, taskQueue: QUEUES.orchestrate, args: [again] },
  });
  await sleep(1500);
  await handle.signal(SIGNALS.unpause);
  await handle.result();
  const history = await save('stage-partitions', workflowId);
  const first = (history.events ?? [])
    .map((event) => event.childWorkflowExecutionStartedEventAttributes?.workflowExecution)
    .find((execution) => execution?.workflowId?.endsWith('/p/0'));
  if (!first?.workflowId || !first.runId) throw new Error('no partition was started');
  await save('partition-continued', first.workflowId, first.runId);
  await save('partition-last', first.workflowId);
}

/** Two runs of a suite that share their corpus: one of them waits for the other's lease. */
async function recordSuite({ client, project, save }: Recorder): Promise<void> {
  const file = path.join(project.folder, 'run.yaml');
  const text = await readFile(file, 'utf8');
  const suite = text
    .replace('name: small', 'name: k-{{k}}\nmatrix: { k: [4, 16] }\nsuite: ks')
    .replace('k: 8', 'k: "{{k}}"');
  await writeFile(path.join(project.folder, 'suite.yaml'), suite.replace('shardTokens: 4096', 'shardTokens: 2048'));
  const { workflow } = await project.json<{ workflow: string }>('run', 'suite.yaml');
  await client.workflow.getHandle(workflow).result();
  await save('suite', workflow);
  const storeId = workflow.split('/')[1] ?? '';
  for (const k of ['4', '16']) {
    const history = await client.workflow.getHandle(`run/${storeId}/k-${k}`).fetchHistory();
    const signalled = (history.events ?? []).some((event) => event.workflowExecutionSignaledEventAttributes);
    await save(signalled ? 'run-waits' : 'run-graph', `run/${storeId}/k-${k}`);
  }
  const lease = (await client.workflow.getHandle(`run/${storeId}/k-4`).fetchHistory()).events
    ?.map((event) => event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId ?? '')
    .find((id) => id.startsWith('lease/'));
  if (lease === undefined) throw new Error('no lease was taken');
  await save('lease', lease);
}

/** What a schedule starts, for a day that has passed, and again for the same day. */
async function recordSchedule({ project, save }: Recorder): Promise<void> {
  const file = path.join(project.folder, 'run.yaml');
  await writeFile(file, (await readFile(file, 'utf8')).replace('name: small', 'name: n-{{date}}'));
  await project.json('schedule', 'create', 'run.yaml', '--cron', '0 0 * * *', '--id', 'n');
  for (const [i, name] of ['scheduled', 'scheduled-again'].entries()) {
    await project.json(...['schedule', 'backfill', 'n', '--from', '2026-01-05', '--to', '2026-01-06']);
    await untilStatus(project, ({ state }) => state === 'completed', { run: 'n-2026-01-05' });
    let recent: { workflow: string }[] = [];
    while (recent.length <= i) {
      await sleep(1000);
      recent = (await project.json<{ recent: typeof recent }>('schedule', 'show', 'n')).recent;
    }
    await sleep(3000);
    await save(name, recent.at(-1)?.workflow ?? '');
  }
}

/** The history without the names of this machine; payloads are base64. */
function anonymous(value: unknown, replacements: readonly Replacement[], field = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => anonymous(item, replacements));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, anonymous(item, replacements, name)]));
  if (typeof value !== 'string') return value;
  const replace = (text: string): string => replacements.reduce((done, [from, to]) => done.replaceAll(from, to), text);
  if (field !== 'data') return replace(value);
  const text = Buffer.from(value, 'base64').toString('utf8');
  return Buffer.from(replace(text)).toString('base64');
}
