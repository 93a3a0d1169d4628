// A worker in the test's own process: the real workflows over activities that the test writes, so that what takes days takes seconds.
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Activities } from '../../../activities/messages.js';
import { QUEUES } from '../../../schemas/orchestration.js';
import { bundleSources } from '../../harness/workflow-bundle.js';

/** Queue of the lots of such a worker. */
export const LOT_QUEUE = QUEUES.io;

export interface StubWorker {
  readonly client: Client;
  stop(): Promise<void>;
}

let installed = false;

/** Serves the orchestration queue (or another one for workflows) and the lots' queue until it is stopped. */
export async function startStubWorker(
  address: string,
  activities: Partial<Activities>,
  queue: string = QUEUES.orchestrate,
): Promise<StubWorker> {
  if (!installed)
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'off' } } });
  installed = true;
  const connection = await NativeConnection.connect({ address });
  const workflowBundle = await bundleSources();
  const base = {
    connection,
    activities,
    maxHeartbeatThrottleInterval: '200ms',
    shutdownForceTime: '2 seconds',
  } as const;
  const all = [
    await Worker.create({ ...base, taskQueue: queue, workflowBundle }),
    await Worker.create({ ...base, taskQueue: LOT_QUEUE }),
  ];
  const running = Promise.all(all.map((worker) => worker.run()));
  const client = new Client({ connection: await Connection.connect({ address }) });
  return {
    client,
    stop: async () => {
      for (const worker of all) worker.shutdown();
      await running;
      await client.connection.close();
      await connection.close();
    },
  };
}
