// Starts a workflow under its id, or joins the one that is alive.
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../schemas/orchestration.js';

export interface WorkflowToStart {
  readonly type: string;
  readonly workflowId: string;
  readonly input: unknown;
  readonly attributes: Readonly<Partial<Record<keyof typeof SEARCH_ATTRIBUTES, string | undefined>>>;
}

export interface StartedWorkflow {
  /** Whether it ran already. */
  readonly joined: boolean;
  /** The execution: what is told of another one under the same id is not told of it. */
  readonly runId: string;
}

export async function startOrJoin(client: Client, start: WorkflowToStart): Promise<StartedWorkflow> {
  const { type, workflowId, input, attributes } = start;
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
      typedSearchAttributes: new TypedSearchAttributes(pairs),
    });
    return { joined: false, runId: handle.firstExecutionRunId };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const { raw, runId } = await client.workflow.getHandle(workflowId).describe();
    // One that continued as new is known by its first execution.
    return { joined: true, runId: raw.workflowExecutionInfo?.firstRunId ?? runId };
  }
}
