// What workflows promise beyond what a short run shows, with activities that do nothing: chains of any length begin their history anew
// and lose nothing by it.
import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Activities } from '../../activities/messages.js';
import type { LotInput, LotResult, RunInput } from '../../schemas/messages.js';
import { LIMITS, PROGRESS_QUERY, QUEUES, SIGNALS } from '../../schemas/orchestration.js';
import { startTestTemporal, type TestTemporal } from '../servers/temporal.js';
import type { Progress } from '../../workflows/signals.js';
import type { StageInput } from '../../workflows/stage-state.js';
import { LOT_QUEUE, startStubWorker, type StubWorker } from './harness/stub-worker.js';

let temporal: TestTemporal;
let worker: StubWorker;
let lots: LotInput[];
const told: Parameters<Activities['recordEvent']>[0][] = [];
let runLot: (input: LotInput) => Promise<LotResult>;
/** What activities wait for, where a test holds them. */
let eventStored = Promise.resolve();
let activities: Partial<Activities>;
let lastMemberPrepared = Promise.resolve();
let lastMemberAsked = false;

function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

/** An activity that does nothing until it is told to end. */
async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const heart = setInterval(() => context.heartbeat(), 200);
  try {
    return await context.cancelled;
  } finally {
    clearInterval(heart);
  }
}

beforeAll(async () => {
  temporal = await startTestTemporal();
  activities = {
    runLot: (input) => {
      lots.push(input);
      return runLot(input);
    },
    recordEvent: (event) => {
      told.push(event);
      return eventStored;
    },
    planStage: untilCancelled,
    // The first members of a suite are done already; the others take for ever.
    prepareMember: async ({ member }) => {
      if (member >= LIMITS.membersPerContinueAsNew) return untilCancelled();
      if (member === LIMITS.membersPerContinueAsNew - 1) {
        lastMemberAsked = true;
        await lastMemberPrepared;
      }
      return { run: `m-${member}`, input: null };
    },
  };
  worker = await startStubWorker(temporal.address, activities);
}, 60_000);
afterAll(async () => {
  await worker.stop();
  await temporal.stop();
});

const link = (finished: boolean, ended = 0): LotResult => ({
  ...{ done: finished ? 1 : 0, quarantined: 0, different: 0, finished, ended },
  hostQueue: LOT_QUEUE,
});

function stageOf(lotCount: number, linksPerContinueAsNew: number): StageInput {
  const store = { url: 'memory://1', options: {} };
  const manifest = { key: 'm', sha256: 'm', bytes: 1 };
  return {
    run: { ref: { store, run: 'long', revision: 1 }, mode: 'missing', window: 10, tolerance: 0 },
    stage: 'train',
    planned: {
      ...{ stageVersion: 1, manifest, lots: lotCount, items: lotCount, planned: lotCount },
      ...{ queue: LOT_QUEUE, chained: true },
    },
    paused: false,
    bounds: { lotsPerPartition: 100, linksPerContinueAsNew },
  };
}

/** The number of events of each execution of a workflow, first to last. */
async function executions(workflowId: string, first: string): Promise<number[]> {
  const lengths: number[] = [];
  let runId: string | null = first;
  while (runId !== null) {
    const handle: WorkflowHandle = worker.client.workflow.getHandle(workflowId, runId);
    const events: NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']> =
      (await handle.fetchHistory()).events ?? [];
    lengths.push(events.length);
    runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
  }
  return lengths;
}

async function until(test: () => unknown): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Waits until the guard of a workflow runs: one that is only asked for does not begin after its parent's end. */
async function untilGuarded(handle: WorkflowHandle): Promise<void> {
  await until(async () => (await handle.describe()).raw.pendingChildren?.some(({ runId }) => runId));
}

describe('a stage that is told something before its first task', () => {
  it.each([
    { what: 'a window and a tolerance', signal: SIGNALS.limits, args: [{ window: 3, tolerance: 0.5 }] },
    { what: 'to go on', signal: SIGNALS.unpause, args: [] },
  ])(
    '$what hears it and does its work',
    async ({ signal, args }) => {
      lots = [];
      runLot = ({ lot }) => Promise.resolve(link(true, lot));
      // Started with the signal, both stand in the history before any task: it is delivered while handlers are set.
      const handle = await worker.client.workflow.signalWithStart('stageWorkflow', {
        ...{ taskQueue: QUEUES.orchestrate, workflowId: `early-${signal}`, args: [stageOf(2, 8)] },
        ...{ signal, signalArgs: args },
      });
      expect(await handle.result()).toEqual({ done: 2, quarantined: 0, different: 0 });
      const { window, tolerance } = await handle.query<Progress>(PROGRESS_QUERY);
      expect([window, tolerance]).toEqual(signal === SIGNALS.limits ? [3, 0.5] : [10, 0]);
      const { events } = await handle.fetchHistory();
      expect(events?.filter(({ workflowTaskFailedEventAttributes: failed }) => failed)).toEqual([]);
    },
    60_000,
  );
});

describe('a stage whose lots are chains', () => {
  it('begins its history anew after some links, goes on where each chain was, and counts everything once', async () => {
    lots = [];
    const links = new Map<number, number>();
    runLot = ({ lot }) => {
      const made = (links.get(lot) ?? 0) + 1;
      links.set(lot, made);
      return Promise.resolve(link(made === 20 + lot, lot));
    };
    const options = { taskQueue: QUEUES.orchestrate, workflowId: 'chains', args: [stageOf(3, 8)] };
    const handle = await worker.client.workflow.start('stageWorkflow', options);
    expect(await handle.result()).toEqual({ done: 3, quarantined: 0, different: 0 });
    expect(links).toEqual(
      new Map([
        [0, 20],
        [1, 21],
        [2, 22],
      ]),
    );
    // A chain that goes on is told how much of its lot has ended.
    expect(lots.filter(({ lot }) => lot === 2).map(({ from }) => from)).toEqual([0, ...new Array<number>(21).fill(2)]);
    const lengths = await executions('chains', handle.firstExecutionRunId);
    expect(lengths.length).toBeGreaterThanOrEqual(7);
    expect(Math.max(...lengths)).toBeLessThan(150);
  }, 60_000);

  it('a pause and its reason outlast a new beginning', async () => {
    lots = [];
    let made = 0;
    let held: (() => void) | null = null;
    runLot = async () => {
      if (++made === 2) await new Promise<void>((resolve) => (held = resolve));
      return link(made >= 4);
    };
    const options = { taskQueue: QUEUES.orchestrate, workflowId: 'paused-chain', args: [stageOf(1, 2)] };
    const handle = await worker.client.workflow.start('stageWorkflow', options);
    await until(() => held !== null);
    await handle.signal(SIGNALS.pause, 'for a while');
    (held as unknown as () => void)();
    await until(async () => (await executions('paused-chain', handle.firstExecutionRunId)).length === 2);
    const latest = worker.client.workflow.getHandle('paused-chain');
    expect(await latest.query(PROGRESS_QUERY)).toMatchObject({ paused: true, reason: 'for a while' });
    expect(made).toBe(2);
    await latest.signal(SIGNALS.unpause);
    expect(await handle.result()).toMatchObject({ done: 1 });
    expect(made).toBe(4);
  }, 60_000);
});

it('partitions share the window of their stage, also when it is changed', async () => {
  lots = [];
  const released = gate();
  runLot = async () => {
    await released.passed;
    return link(true);
  };
  const { run, ...stage } = stageOf(40, 500);
  const input: StageInput = { ...stage, run: { ...run, window: 4 }, bounds: { lotsPerPartition: 10 } };
  const options = { taskQueue: QUEUES.orchestrate, workflowId: 'shared-window', args: [input] };
  const handle = await worker.client.workflow.start('stageWorkflow', options);
  await until(() => lots.length === 4);
  await handle.signal(SIGNALS.limits, { window: 8 });
  await until(() => lots.length >= 8);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(lots).toHaveLength(8);
  released.open();
  expect(await handle.result()).toMatchObject({ done: 40 });
}, 60_000);

describe('what is said while a history begins anew', () => {
  it('counts: a stage that was unpaused while its pause was being stored goes on', async () => {
    lots = [];
    told.length = 0;
    const stored = gate();
    eventStored = stored.passed;
    runLot = () => Promise.resolve(lots.length === 1 ? { ...link(false), quarantined: 1 } : link(true));
    const options = { taskQueue: QUEUES.orchestrate, workflowId: 'unpaused-chain', args: [stageOf(1, 1)] };
    const handle = await worker.client.workflow.start('stageWorkflow', options);
    await until(() => told.length === 1);
    await handle.signal(SIGNALS.unpause);
    expect(await handle.query(PROGRESS_QUERY)).toMatchObject({ paused: false });
    stored.open();
    eventStored = Promise.resolve();
    await until(async () => (await executions('unpaused-chain', handle.firstExecutionRunId)).length === 2);
    expect(await worker.client.workflow.getHandle('unpaused-chain').query(PROGRESS_QUERY)).toMatchObject({
      paused: false,
    });
    expect(await handle.result()).toMatchObject({ done: 1, quarantined: 1 });
  }, 60_000);

  it('counts: a suite that is paused stays so, with its reason', async () => {
    told.length = 0;
    const prepared = gate();
    lastMemberAsked = false;
    lastMemberPrepared = prepared.passed;
    const { ref } = stageOf(1, 1).run;
    const input = {
      ...{ ref, storeId: 's', members: LIMITS.membersPerContinueAsNew + 1, parallel: 20 },
      ...{ mode: 'missing', hostQueue: LOT_QUEUE },
    };
    const handle = await worker.client.workflow.start('suiteWorkflow', {
      ...{ taskQueue: QUEUES.orchestrate, workflowId: 'paused-suite', args: [input] },
    });
    // Every member of this history has begun, and the last of them is not prepared yet.
    await until(() => lastMemberAsked);
    await handle.signal(SIGNALS.pause, 'for a while');
    await until(() => told.some(({ type }) => type === 'paused'));
    prepared.open();
    const latest = worker.client.workflow.getHandle('paused-suite');
    await until(async () => (await executions('paused-suite', handle.firstExecutionRunId)).length === 2);
    expect(await latest.query(PROGRESS_QUERY)).toMatchObject({ paused: true, reason: 'for a while' });
    await untilGuarded(latest);
    await latest.terminate();
    // Its guard tells of it, before another test listens.
    await until(() => told.some(({ type }) => type === 'failed'));
  }, 60_000);
});

describe('a run that is ended from outside', () => {
  it('is told to have failed, by its guard; one that is cancelled tells its own end and leaves no guard', async () => {
    const { ref } = stageOf(1, 1).run;
    const input: RunInput = {
      ref,
      steps: [{ id: 'corpus', stage: 'corpus', after: [] }],
      mode: 'missing',
      window: 1,
      tolerance: 0,
    };
    const ends = (): unknown[] =>
      told.filter(({ type }) => type !== 'started').map(({ type, onlyIfOpen }) => [type, onlyIfOpen]);
    const begin = async (workflowId: string): Promise<WorkflowHandle & { readonly firstExecutionRunId: string }> => {
      told.length = 0;
      const handle = await worker.client.workflow.start('runWorkflow', {
        taskQueue: QUEUES.orchestrate,
        workflowId,
        args: [input],
      });
      await untilGuarded(handle);
      return handle;
    };
    const terminated = await begin('terminated');
    await terminated.terminate();
    await until(() => told.length === 2);
    expect(ends()).toEqual([['failed', terminated.firstExecutionRunId]]);

    const cancelled = await begin('cancelled');
    await cancelled.cancel();
    await expect(cancelled.result()).rejects.toThrow();
    const guard = worker.client.workflow.getHandle(`cancelled/guard/${cancelled.firstExecutionRunId}`);
    await guard.result();
    expect(ends()).toEqual([['cancelled', undefined]]);
  }, 60_000);

  it('is not told so by a guard that is taken up only after its release and the end of the history that began it', async () => {
    told.length = 0;
    const { ref } = stageOf(1, 1).run;
    const begin = (workflowId: string): Promise<WorkflowHandle> =>
      worker.client.workflow.start('guardWorkflow', {
        ...{ taskQueue: 'served-late', workflowId, args: [{ ref, execution: workflowId }] },
      });
    const released = await begin('released');
    await released.signal('releaseGuard');
    await released.cancel();
    const ended = await begin('ended');
    await ended.cancel();
    const late = await startStubWorker(temporal.address, activities, 'served-late');
    try {
      await Promise.all([released.result(), ended.result()]);
      expect(told.map(({ type, onlyIfOpen }) => [type, onlyIfOpen])).toEqual([['failed', 'ended']]);
    } finally {
      await late.stop();
    }
  }, 60_000);

  it('a suite likewise, also where its history was begun anew', async () => {
    told.length = 0;
    const members = LIMITS.membersPerContinueAsNew + 2;
    const { ref } = stageOf(1, 1).run;
    const input = { ref, storeId: 's', members, parallel: 20, mode: 'missing', hostQueue: LOT_QUEUE };
    const handle = await worker.client.workflow.start('suiteWorkflow', {
      ...{ taskQueue: QUEUES.orchestrate, workflowId: 'suite', args: [input] },
    });
    await until(async () => (await executions('suite', handle.firstExecutionRunId)).length === 2);
    const latest = worker.client.workflow.getHandle('suite');
    await untilGuarded(latest);
    expect(told.map(({ type }) => type)).toEqual(['started']);
    await latest.terminate();
    await until(() => told.length === 2);
    expect(told[1]).toMatchObject({ type: 'failed', onlyIfOpen: handle.firstExecutionRunId });
  }, 60_000);
});
