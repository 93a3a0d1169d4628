// pause, unpause, cancel, set: what is said to a run's workflow.
import type { z } from 'zod';
import { WorkflowNotFoundError, type Client, type WorkflowHandle } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { SIGNALS } from '../../schemas/orchestration.js';
import { InputError } from '../../schemas/errors.js';
import type { CommandContext } from '../command.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { findSuite } from '../../storage/records/suites.js';
import { beingRemoved, readRevisions } from '../../storage/records/revisions.js';
import { readStoreId } from '../../storage/records/identity.js';
import type { SetOptions, TellOptions } from './requests.js';
import { ensureAnswer, type AnswerWanted } from './run-workers.js';
import { withTemporal } from './temporal-client.js';
import { assertSameStore } from './workflow-store.js';

/** Workflow id of a run: one run of a name at a time in a store. */
export function runWorkflowId(storeId: string, run: string): string {
  return `run/${storeId}/${run}`;
}

/** Workflow id of a suite. */
export function suiteWorkflowId(storeId: string, suite: string): string {
  return `suite/${storeId}/${suite}`;
}

/** Workflow id of what has that name in the store, a suite or a run. */
export async function workflowIdOf(store: ObjectStore, name: string): Promise<string> {
  const suite = await findSuite(store, name);
  const storeId = await readStoreId(store);
  return suite ? suiteWorkflowId(storeId, name) : runWorkflowId(storeId, name);
}

/**
 * Whether a workflow is alive in the store.
 * @throws InputError where it works on a copy of the store, or on what this is a copy of
 */
export async function isActive(client: Client, store: ObjectStore, workflowId: string): Promise<boolean> {
  try {
    const { status, memo } = await client.workflow.getHandle(workflowId).describe();
    if (status.name !== 'RUNNING') return false;
    await assertSameStore(store, memo, workflowId.split('/').slice(2).join('/'));
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

export async function pause(options: TellOptions, context: CommandContext): Promise<number> {
  await signal(options.run, context, (handle) => handle.signal(SIGNALS.pause, 'paused by a user'));
  return say(
    context,
    { run: options.run, action: 'pause' },
    `${options.run} gives out no more work; shards in hand finish. Go on with: assay unpause ${options.run}`,
  );
}

export async function unpause(options: TellOptions, context: CommandContext): Promise<number> {
  await signal(options.run, context, (handle) => handle.signal(SIGNALS.unpause));
  return say(context, { run: options.run, action: 'unpause' }, `${options.run} goes on.`);
}

export async function set(options: SetOptions, context: CommandContext): Promise<number> {
  const { run, window, tolerance } = options;
  if (window === undefined && tolerance === undefined) {
    throw new InputError('Expected --window or --tolerance, found neither; see `assay help set`.');
  }
  await signal(run, context, (handle) => handle.signal(SIGNALS.limits, { window, tolerance }));
  return say(
    context,
    {
      run,
      action: 'set',
      ...(window === undefined ? {} : { window }),
      ...(tolerance === undefined ? {} : { tolerance }),
    },
    `${run}: ${window === undefined ? '' : `window ${window} `}${tolerance === undefined ? '' : `tolerance ${tolerance}`}`,
  );
}

const CANCEL_WAIT_MS = 60_000;

export async function cancel(options: TellOptions, context: CommandContext): Promise<number> {
  const ended = await tell(options.run, context, async (handle, ensure) => {
    await handle.cancel();
    await ensure({ start: true });
    const deadline = Date.now() + CANCEL_WAIT_MS;
    while (Date.now() < deadline) {
      if ((await handle.describe()).status.name !== 'RUNNING') return true;
      await sleep(250);
    }
    return false;
  });
  return say(
    context,
    { run: options.run, action: 'cancel' },
    ended
      ? `${options.run} is cancelled; what is committed stays. Go on with: assay resume ${options.run}`
      : `${options.run} is asked to end and has not within ${CANCEL_WAIT_MS / 1000} s: what is in hand has not let go yet. Look at it with: assay status ${options.run}`,
  );
}

/** A signal is kept until a worker takes it; where none is there, that is said. */
async function signal(
  run: string,
  context: CommandContext,
  send: (handle: WorkflowHandle) => Promise<void>,
): Promise<void> {
  await tell(run, context, async (handle, ensure) => {
    await send(handle);
    await ensure({ start: false });
  });
}

async function tell<Answer>(
  run: string,
  context: CommandContext,
  send: (handle: WorkflowHandle, ensure: (how: Pick<AnswerWanted, 'start'>) => Promise<void>) => Promise<Answer>,
): Promise<Answer> {
  const store = await context.openStore();
  // Of what was removed while it was at work nothing says which of the two it is.
  const ids = new Set([await workflowIdOf(store, run), suiteWorkflowId(await readStoreId(store), run)]);
  return withTemporal(context, async (client, at) => {
    let id: string | null = null;
    for (const one of ids) if (id === null && (await isActive(client, store, one))) id = one;
    if (id === null) throw await notActive(store, run);
    try {
      return await send(client.workflow.getHandle(id), ({ start }) =>
        ensureAnswer({ client, at, context, run, workflowId: id, start }),
      );
    } catch (error) {
      // It ended between the look and the word.
      throw error instanceof WorkflowNotFoundError ? await notActive(store, run) : error;
    }
  });
}

async function notActive(store: ObjectStore, run: string): Promise<InputError> {
  if ((await readRevisions(store, run)).removing) return beingRemoved(store, run);
  return new InputError(
    `Run "${run}" is not active in ${store.url}. \`assay runs\` lists the runs, \`assay resume ${run}\` starts it again.`,
    { run },
  );
}

function say(context: CommandContext, document: z.input<typeof controlDocument>, text: string): number {
  context.output.result(controlDocument, document, () => text);
  return EXIT.done;
}
