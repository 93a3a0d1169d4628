// Somebody who reaches Temporal and nothing else starts workflows by hand: a worker reads and writes only what its machine allows.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ManifestRef, RunInput, ScheduledInput } from '../../schemas/messages.js';
import { LIMITS, QUEUES, WORKFLOWS } from '../../schemas/orchestration.js';
import { hostname } from 'node:os';
import { openStore } from '../../storage/objects/open-store.js';
import { putJson } from '../../storage/records/data-json.js';
import { runOf, type Project } from './harness/project.js';
import { useScene } from './harness/scene.js';

const scene = useScene({ until: 'test' });
let connection: Connection;
let project: Project;

beforeEach(async () => {
  connection = await Connection.connect({ address: scene.temporal.address });
  project = await scene.project({ chapters: 2 });
  const store = `file://${path.join(project.folder, 'store')}`;
  await mkdir(path.join(project.folder, 'elsewhere'));
  await writeFile(path.join(project.folder, 'elsewhere', 'secret.jsonl'), '{"id": "1", "text": "a secret"}\n');
  await scene.worker(project, {
    allow: { stores: [{ url: store, endpoint: null }], sources: [path.join(project.folder, 'corpus')] },
  });
});
afterEach(() => connection.close());

/** What the workflow that an outsider starts ends with. */
async function attack(workflow: string, input: RunInput | ScheduledInput): Promise<string> {
  const client = new Client({ connection });
  const options = { workflowId: `attack-${workflow}`, taskQueue: QUEUES.orchestrate, args: [input] };
  try {
    await client.workflow.execute(workflow, { ...options, workflowExecutionTimeout: '60s' });
    return 'it completed';
  } catch (error) {
    let cause: unknown = error instanceof WorkflowFailedError ? error.cause : error;
    while (cause instanceof Error && cause.cause !== undefined && !(cause instanceof ApplicationFailure))
      cause = cause.cause;
    return String(cause);
  }
}

const elsewhere = (name: string): string => path.join(project.folder, 'elsewhere', name);

async function scheduled(folder: string, file: unknown): Promise<ScheduledInput> {
  const store = await openStore(`file://${folder}`);
  const template: ManifestRef = await putJson(store, { file, folder: project.folder });
  return {
    ...{
      storeId: 'x',
      ref: { store: { url: store.url, options: {} } },
      schedule: 's',
      timeZone: 'UTC',
      mode: 'missing',
    },
    ...{ hostQueue: QUEUES.host(hostname()), template },
  };
}

it('a run with a store of its own is refused, and nothing is written there', async () => {
  const input: RunInput = {
    ref: { store: { url: `file://${elsewhere('own')}`, options: {} }, run: 'small', revision: 1 },
    steps: [{ id: 'corpus', stage: 'corpus', after: [] }],
    ...{ mode: 'missing', window: LIMITS.window, tolerance: 0 },
  };
  expect(await attack(WORKFLOWS.run, input)).toContain(`This worker may not use the store file://${elsewhere('own')}`);
  expect(await readdir(elsewhere(''))).toEqual(['secret.jsonl']);
}, 90_000);

it('a schedule with a store of its own is refused, and nothing more is written there', async () => {
  const input = await scheduled(elsewhere('own'), runOf());
  const before = await readdir(elsewhere('own'), { recursive: true });
  expect(await attack(WORKFLOWS.scheduledRun, input)).toContain('This worker may not use the store');
  expect(await readdir(elsewhere('own'), { recursive: true })).toEqual(before);
}, 90_000);

it('a schedule in an allowed store that reads another file is refused', async () => {
  const run = runOf({ run: { corpus: { sources: [elsewhere('secret.jsonl')] } } });
  const input = await scheduled(path.join(project.folder, 'store'), run);
  expect(await attack(WORKFLOWS.scheduledRun, input)).toContain('This worker may not read');
  const stored = await readdir(path.join(project.folder, 'store'));
  expect(stored).not.toContain('runs');
}, 90_000);
