// Ends a worker with the run that it was started for.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from '../activities/dependencies.js';
import { temporalCredentials } from '../schemas/temporal-environment.js';
import type { WorkerOptions } from './environment.js';

const POLL_MS = 2000;

/** Calls `onEnd` once the workflow is closed or unknown. A server that is away is waited for. */
export async function watchRun(options: WorkerOptions, onEnd: () => void, log: Logger): Promise<void> {
  const credentials = await temporalCredentials(process.env, (path) => readFile(path));
  const connection = await Connection.connect({ address: options.address, ...credentials });
  const client = new Client({ connection, namespace: options.namespace });
  const handle = client.workflow.getHandle(options.exitWithRun ?? '');
  for (;;) {
    await sleep(POLL_MS);
    try {
      const { status } = await handle.describe();
      if (status.name !== 'RUNNING') break;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) break;
      log.debug({ err: error }, 'cannot ask for the state of the run');
    }
  }
  await connection.close();
  onEnd();
}
