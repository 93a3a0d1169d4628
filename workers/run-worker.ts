// Task queues by role, one Temporal worker each in one process, over shared compute children; SIGTERM ends with the shards in hand.
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DefaultLogger,
  Runtime,
  Worker,
  type NativeConnection,
  type WorkerOptions as TemporalWorkerOptions,
} from '@temporalio/worker';
import type { Logger } from '../activities/dependencies.js';
import { createActivities } from '../activities/create-activities.js';
import { QUEUES } from '../schemas/orchestration.js';
import { identityText } from '../schemas/worker-identity.js';
import { ALLOW_ANY, allowListed, type AllowList } from '../pipeline/allowed/allow-list.js';
import { allowedIn } from '../pipeline/allowed/allow-folder.js';
import { openHost } from '../pipeline/execute/host.js';
import { pidSpace, processStart } from '../runtime/child/process-identity.js';
import { programFile } from '../runtime/package-root.js';
import { connectWorker } from './connect.js';
import { createDependencies } from './dependencies.js';
import type { WorkerOptions } from './environment.js';
import { watchRun } from './watch-run.js';

/** Shards in hand may take this long to finish after SIGTERM before their activities are cancelled. */
const GRACE_MS = 20_000;
const FORCE_MS = 28_000;

export async function runWorker(options: WorkerOptions, log: Logger): Promise<void> {
  const folder = path.resolve(options.folder);
  Runtime.install({
    logger: new DefaultLogger('WARN', (entry) => log.warn({ ...entry.meta }, entry.message)),
    // What Temporal's core says goes through the same lines: it would print text between them.
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
    shutdownSignals: [],
  });
  const connection = await connectWorker(options.address);
  const { slots, memoryBytes, cacheBytes, hostId } = options;
  const host = await openHost({ folder, slots, memoryBytes, cacheBytes, environment: process.env });
  if (host.endedOrphans.length > 0)
    log.warn({ pids: host.endedOrphans }, 'ended compute children whose worker had died');
  const stop = new AbortController();
  const dependencies = createDependencies({
    allowed: allowListOf(options.allow),
    ...{ host, hostId, stop: stop.signal, log },
    ...{ connection, namespace: options.namespace },
  });
  const workers = await createWorkers({
    options,
    connection,
    activities: createActivities(dependencies),
  });

  const shutdown = (why: string): void => {
    if (stop.signal.aborted) return;
    log.info({ why }, 'shutting down: shards in hand finish');
    stop.abort();
    host.children.stopAll();
    for (const worker of workers) worker.shutdown();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => shutdown(signal));
  if (options.exitWithRun !== null)
    watchRun(options, connection, log).then(
      () => shutdown('the run has ended'),
      (error: unknown) => {
        log.error(
          { err: error },
          'cannot watch the run that this worker was started for: it goes on until it is stopped',
        );
      },
    );

  log.info({ roles: options.roles, slots: options.slots, address: options.address }, 'worker ready');
  try {
    await Promise.all(workers.map((worker) => worker.run()));
  } finally {
    await dependencies.close();
    await connection.close();
    await sleep(50); // children see their channel close
  }
}

interface WorkersInput {
  readonly options: WorkerOptions;
  readonly connection: NativeConnection;
  readonly activities: object;
}

async function createWorkers({ options, connection, activities }: WorkersInput): Promise<Worker[]> {
  const { roles, slots, namespace, hostId, device } = options;
  const base = {
    connection,
    namespace,
    identity: await ownIdentity(options),
    activities,
    shutdownGraceTime: GRACE_MS,
    shutdownForceTime: FORCE_MS,
    // Pause and cancellation reach an activity only with a heartbeat's answer.
    maxHeartbeatThrottleInterval: '2 seconds',
    defaultHeartbeatThrottleInterval: '2 seconds',
  } as const satisfies Partial<TemporalWorkerOptions>;
  const lots = { ...base, maxConcurrentActivityTaskExecutions: slots };
  const workers: Worker[] = [];
  if (roles.includes('orchestrate')) {
    workers.push(
      await Worker.create({
        ...base,
        taskQueue: QUEUES.orchestrate,
        workflowBundle: { codePath: programFile('workflows') },
        maxConcurrentActivityTaskExecutions: 4,
        maxCachedWorkflows: 50,
      }),
    );
  }
  if (roles.includes('io')) workers.push(await Worker.create({ ...lots, taskQueue: QUEUES.io }));
  if (roles.includes('compute')) workers.push(await Worker.create({ ...lots, taskQueue: QUEUES.compute(device) }));
  if (roles.includes('io') || roles.includes('compute')) {
    workers.push(await Worker.create({ ...lots, taskQueue: QUEUES.host(hostId) }));
  }
  return workers;
}

/** Under this name the worker polls: whoever waits for it can prove whether it lives. */
async function ownIdentity({ exitWithRun }: WorkerOptions): Promise<string> {
  const [machine, start] = await Promise.all([pidSpace(), processStart(process.pid)]);
  return identityText({ pid: process.pid, host: os.hostname(), machine, start: start ?? '', until: exitWithRun });
}

function allowListOf({ any, folder, stores, sources }: WorkerOptions['allow']): AllowList {
  if (any) return ALLOW_ANY;
  return allowListed(async () => {
    const added = folder === null ? { stores: [], sources: [] } : await allowedIn(folder);
    return { stores: [...stores, ...added.stores], sources: [...sources, ...added.sources] };
  });
}
