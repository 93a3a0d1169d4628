// Starting a workflow notes in the store that its revision was started, and a revision that was refused is not noted.
import { expect, it } from 'vitest';
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { startOrJoin } from '../../../cli/orchestration/start-workflow.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { readRevisions } from '../../../storage/records/revisions.js';
import { putRunDocument } from '../../../storage/records/runs.js';
import { failureOf } from '../../harness/failure-of.js';
import { z } from 'zod';

/** A server that runs one workflow of each id, by the revision in its memo. */
function fakeClient(): Client {
  let memo: Record<string, unknown> | null = null;
  const start = (type: string, options: { workflowId: string; memo: Record<string, unknown> }): Promise<unknown> => {
    if (memo !== null)
      return Promise.reject(new WorkflowExecutionAlreadyStartedError('already', options.workflowId, type));
    memo = options.memo;
    return Promise.resolve({ firstExecutionRunId: 'x' });
  };
  const describe = (): Promise<unknown> => Promise.resolve({ memo, raw: {}, runId: 'x' });
  return { workflow: { start, getHandle: () => ({ describe }) } } as unknown as Client;
}

async function storeOfTwo(): Promise<ObjectStore> {
  const store = createMemoryStore();
  for (const revision of [1, 2])
    await putRunDocument(store, { name: 'r', revision }, { document: 'config', value: {}, schema: z.unknown() });
  return store;
}

it('of two files stored under one name the one whose workflow starts counts, whichever it is', async () => {
  for (const [first, second] of [
    [1, 2],
    [2, 1],
  ] as const) {
    const store = await storeOfTwo();
    const client = fakeClient();
    const begin = (revision: number): Promise<unknown> => {
      const ref = { store: { url: store.url, options: {} }, run: 'r', revision };
      return startOrJoin(client, { type: 'run', store, workflowId: 'run/s/r', input: { ref }, attributes: {} });
    };
    expect(await begin(first)).toMatchObject({ joined: false });
    expect((await failureOf(begin(second))).message).toContain(`found revision ${first}`);
    expect((await readRevisions(store, 'r')).revisions).toEqual([first]);
    // Joined by whoever comes again, also where the first one was killed before it could note it.
    await store.delete(`runs/r/${first}/begun.json`);
    expect(await begin(first)).toMatchObject({ joined: true });
    expect((await readRevisions(store, 'r')).revisions).toEqual([first]);
  }
});
