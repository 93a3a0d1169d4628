// Starts a workflow under its id, or joins the one that is alive.
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { InputError } from '../../schemas/errors.js';
import type { RunRef } from '../../schemas/messages.js';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../schemas/orchestration.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { markBegun } from '../../storage/records/runs.js';
import { assertSameStore } from './workflow-store.js';

export interface WorkflowToStart {
  readonly type: string;
  readonly store: ObjectStore;
  readonly workflowId: string;
  readonly input: { readonly ref: RunRef };
  readonly attributes: Readonly<Partial<Record<keyof typeof SEARCH_ATTRIBUTES, string | undefined>>>;
}

export interface StartedWorkflow {
  /** Whether it ran already. */
  readonly joined: boolean;
  /** The execution: what is told of another one under the same id is not told of it. */
  readonly runId: string;
}

/** The execution that does it. @throws InputError where what runs works on a copy of the store, or on another revision */
export async function startOrJoin(client: Client, start: WorkflowToStart): Promise<StartedWorkflow> {
  const { type, store, workflowId, input, attributes } = start;
  const { run, revision } = input.ref;
  const pairs = Object.entries(attributes).flatMap(([name, value]) => {
    const key = defineSearchAttributeKey(
      SEARCH_ATTRIBUTES[name as keyof typeof SEARCH_ATTRIBUTES],
      SearchAttributeType.KEYWORD,
    );
    return value === undefined ? [] : [{ key, value }];
  });
  try {
    const handle = await client.workflow.start(type, {
      workflowId,
      taskQueue: QUEUES.orchestrate,
      args: [input],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      memo: { store: input.ref.store, revision },
      typedSearchAttributes: new TypedSearchAttributes(pairs),
    });
    await markBegun(store, { name: run, revision });
    return { joined: false, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const { memo, raw, runId } = await client.workflow.getHandle(workflowId).describe();
    await assertSameStore(store, memo, run);
    const active = memo?.['revision'];
    if (active === revision) await markBegun(store, { name: run, revision });
    // One that continued as new is known by its first execution.
    if (typeof active !== 'number' || active === revision)
      return { joined: true, runId: raw.workflowExecutionInfo?.firstRunId ?? runId };
    throw new InputError(
      `Expected revision ${revision} of "${run}" to be the one that is active, found revision ${active}: another file was started under this name. Wait for it, end it with \`assay cancel ${run}\`, or give this file another name.`,
      { run, revision, active },
    );
  }
}
