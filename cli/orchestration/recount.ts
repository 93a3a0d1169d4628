// What a resume of mode `all` has computed anew: its commits stand from the first second, so that they say nothing of how far it is;
// the events of the execution and its stages' workflows do.
import type { WorkflowHandle } from '@temporalio/client';
import { PROGRESS_QUERY } from '../../schemas/orchestration.js';
import type { RunEvent } from '../../schemas/records.js';
import type { StageName } from '../../schemas/stages.js';

export interface Recomputed {
  /** Shards that were computed anew. */
  readonly shards: number;
  /** Those that differ from what is stored. */
  readonly different: number;
}

/** How much of a stage is computed anew, and of how many shards. */
export interface Recount {
  readonly done: number;
  readonly planned: number;
}

/** Whether the execution that these events tell of computes everything anew. */
export function computesAnew(events: readonly RunEvent[]): boolean {
  return events.find(({ type }) => type === 'started')?.data['mode'] === 'all';
}

/** What a complete execution computed anew; null where that was not asked for. */
export function recomputedIn(events: readonly RunEvent[]): Recomputed | null {
  const data = events.findLast(({ type }) => type === 'completed')?.data;
  const different = Number(data?.['different'] ?? 0);
  // A difference is told whatever else is known.
  if (data === undefined || (different === 0 && !computesAnew(events))) return null;
  return { shards: Number(data['done'] ?? 0), different };
}

/**
 * Counts by asking the stages' workflows; what one does not answer counts as it last did. Under the name of one that has not begun the
 * server knows that of an earlier execution, which has done everything: only children of this one are asked.
 */
export class Recounter {
  readonly #workflow: WorkflowHandle;
  readonly #known = new Map<string, number>();

  constructor(workflow: WorkflowHandle) {
    this.#workflow = workflow;
  }

  async count(stage: StageName, events: readonly RunEvent[]): Promise<Recount> {
    const ofStage = events.filter(({ data }) => data['stage'] === stage);
    const ended = new Set(ofStage.filter(({ type }) => type === 'stage-finished').map(({ data }) => stepOf(data)));
    const parent = events.find(({ type }) => type === 'started')?.data['execution'];
    const total = { done: 0, planned: 0 };
    for (const { data } of ofStage.filter(({ type }) => type === 'stage-started')) {
      const items = Number(data['items'] ?? 0);
      total.planned += items;
      total.done += ended.has(stepOf(data)) ? items : Math.min(items, await this.#doneIn(stepOf(data), parent));
    }
    return total;
  }

  async #doneIn(step: string, parent: unknown): Promise<number> {
    const told = await this.#ask(step, parent).catch(() => null);
    const done = told?.done ?? this.#known.get(step) ?? 0;
    this.#known.set(step, done);
    return done;
  }

  /** @param parent the execution that started it; not known of one that an earlier release started */
  async #ask(step: string, parent: unknown): Promise<{ readonly done?: number } | null> {
    const { workflowId, client } = this.#workflow;
    const id = `${workflowId}/${step}`;
    const { parentExecution, runId } = await client.getHandle(id).describe();
    if (parent !== undefined && parentExecution?.runId !== parent) return null;
    return client.getHandle(id, runId).query<{ readonly done?: number }>(PROGRESS_QUERY);
  }
}

function stepOf(data: RunEvent['data']): string {
  const step = data['step'] ?? data['stage'];
  return typeof step === 'string' ? step : '';
}
