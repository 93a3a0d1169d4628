// Ends a worker with the run that it was started for.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, WorkflowNotFoundError } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from '../activities/dependencies.js';
import type { WorkerOptions } from './environment.js';

const POLL_MS = 2000;

/** Resolves once the workflow is closed or unknown. A server that is away is waited for. */
export async function watchRun(
  options: Pick<WorkerOptions, 'namespace' | 'exitWithRun'>,
  connection: NativeConnection,
  log: Logger,
): Promise<void> {
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
}
