// A run is a graph of steps: encoding begins while another dictionary is trained; the bytes are those of the stages one after the
// other, and killing a worker while steps go side by side changes none of them. Runs of the release before go on as they were.
import { Client, Connection } from '@temporalio/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { runWorkflowId } from '../../cli/orchestration/control.js';
import type { RunInput } from '../../schemas/messages.js';
import { LIMITS, QUEUES, WORKFLOWS } from '../../schemas/orchestration.js';
import type { RunEvent } from '../../schemas/records.js';
import { readStoreId } from '../../storage/records/identity.js';
import { eventsOf, untilEvent } from './harness/events.js';
import type { ProjectOptions } from './harness/project.js';
import { useScene } from './harness/scene.js';
import { untilStatus } from './harness/watch.js';

const scene = useScene({ until: 'test' });

const SITES = ['blocks.1.hook_resid_post', 'blocks.2.hook_resid_post'] as const;
const sae = { features: 256, batchRows: 512, lr: 0.001 };
/** Two sites with two dictionaries each; those of the second site train several times as long. */
const GRAPH: NonNullable<ProjectOptions['run']> = {
  activations: { hooks: [...SITES], batchTokens: 2048 },
  saes: [
    { name: 'a', hook: SITES[0], k: 8, tokens: 10_240, ...sae },
    { name: 'b', hook: SITES[0], k: 16, tokens: 10_240, ...sae },
    { name: 'c', hook: SITES[1], k: 8, tokens: 102_400, ...sae },
    { name: 'd', hook: SITES[1], k: 16, tokens: 102_400, ...sae },
  ],
};

const place = (events: readonly RunEvent[], type: string, step: string): number =>
  events.findIndex((event) => event.type === type && event.data['step'] === step);

describe('two sites with four dictionaries', () => {
  let digests: Record<string, string>;
  let events: readonly RunEvent[];
  beforeAll(async () => {
    const project = await scene.finished({ run: GRAPH }, { slots: 2 });
    digests = await project.digests();
    events = await eventsOf(project);
  }, 300_000);

  it('are steps of their own: encoding begins while another dictionary is trained', () => {
    const [first, second] = SITES.map((site) => `train@${site}`) as [string, string];
    expect(place(events, 'stage-started', 'encode@a')).toBeGreaterThan(place(events, 'stage-finished', first));
    expect(place(events, 'stage-started', 'encode@a')).toBeGreaterThan(-1);
    expect(place(events, 'stage-finished', second)).toBeGreaterThan(place(events, 'stage-started', 'encode@a'));
  });

  it('publish the bytes that the stages one after the other publish', async () => {
    const project = await scene.project({ run: GRAPH });
    await scene.worker(project, { slots: 2 });
    const connection = await Connection.connect({ address: scene.temporal.address });
    const client = new Client({ connection });
    try {
      // Stores the revision; then its workflow is started as the release before started it.
      const planned = await project.assay('run', 'run.yaml');
      expect(planned.code).toBe(0);
      const store = await project.openStore();
      const workflowId = runWorkflowId(await readStoreId(store), 'small');
      await project.assay('cancel', 'small');
      const input: RunInput = {
        ref: { store: { url: store.url, options: {} }, run: 'small', revision: 1 },
        stages: ['corpus', 'tokens', 'activations', 'train', 'encode', 'index', 'profile', 'label'],
        ...{ mode: 'missing', window: LIMITS.window, tolerance: 0.01 },
      };
      await client.workflow.execute(WORKFLOWS.run, {
        ...{ workflowId, taskQueue: QUEUES.orchestrate, args: [input], workflowIdReusePolicy: 'ALLOW_DUPLICATE' },
      });
      expect(await project.digests()).toEqual(digests);
      await store.close();
    } finally {
      await connection.close();
    }
  }, 300_000);

  it('lose no byte when a worker is killed while steps go side by side', async () => {
    const project = await scene.project({ run: GRAPH });
    let worker = await scene.worker(project, { slots: 2 });
    expect((await project.assay('run', 'run.yaml', '--workers', '0')).code).toBe(0);
    for (const step of ['encode@a', 'index@a', 'profile@a']) {
      await untilEvent(project, 'stage-started', { step });
      await worker.stop('SIGKILL');
      worker = await scene.worker(project, { slots: 2 });
    }
    const { state } = await untilStatus(project, ({ state: now }) => now !== 'running', { seconds: 400 });
    expect(state).toBe('completed');
    expect(await project.digests()).toEqual(digests);
  }, 600_000);
});
