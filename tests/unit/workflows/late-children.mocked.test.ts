// What is said to a workflow while it starts its children reaches all of them: those that have started, the one that is being started,
// and those that come later; and each gets its share of the window that holds, however many have been started by then.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunInput } from '../../../schemas/messages.js';
import type { StageInput } from '../../../workflows/stage-state.js';

interface Child {
  readonly id: string;
  readonly given: { readonly window: number; readonly tolerance: number; readonly paused: boolean };
  readonly told: [string, unknown?][];
  /** Lets it start. */
  start: () => void;
  end: () => void;
}

const activities = vi.hoisted(() => ({
  planStage: vi.fn(),
  publishStage: vi.fn(),
  recordEvent: vi.fn(),
  prepareMember: vi.fn(),
}));
const handlers = vi.hoisted(() => new Map<string, (...given: unknown[]) => unknown>());
const world = vi.hoisted(() => ({ patched: true, children: [] as Child[] }));

vi.mock('@temporalio/workflow', async (original) => {
  const { playedWorkflow } = await import('./played-workflow.js');
  return playedWorkflow(await original<object>(), {
    ...{ activities, handlers, workflowId: 'parent' },
    patched: (id) => id !== 'guard' && world.patched,
    startChild: (
      _: unknown,
      { workflowId, args }: { workflowId: string; args: [Child['given'] | StageInput | RunInput] },
    ) =>
      new Promise((resolve) => {
        const told: Child['told'] = [];
        let end = (): void => undefined;
        const ended = new Promise((done) => {
          end = () => done({ done: 0, quarantined: 0, different: 0 });
        });
        const [input] = args;
        const given = 'run' in input ? { ...input.run, paused: input.paused } : { paused: false, ...input };
        const signal = ({ name }: { name: string }, value?: unknown): Promise<void> => {
          told.push(value === undefined ? [name] : [name, value]);
          return Promise.resolve();
        };
        const start = (): void => resolve({ signal, result: () => ended });
        world.children.push({ id: workflowId, given, told, start, end });
      }),
  });
});

const { runWorkflow } = await import('../../../workflows/run.js');
const { suiteWorkflow } = await import('../../../workflows/suite.js');
const { stageWorkflow } = await import('../../../workflows/stage.js');

const ref = { store: { url: 'file:///s', options: {} }, run: 'small', revision: 1 };
const say = (name: string, ...given: unknown[]): unknown => handlers.get(name)?.(...given);
const until = (count: number): Promise<void> =>
  vi.waitFor(() => expect(world.children.length).toBeGreaterThanOrEqual(count));
/** The n-th child that was asked for. */
function child(n: number): Child {
  const found = world.children[n];
  if (!found) throw new TypeError(`no child ${n}`);
  return found;
}

beforeEach(() => {
  vi.resetAllMocks();
  handlers.clear();
  world.children.length = 0;
  world.patched = true;
  activities.recordEvent.mockResolvedValue(undefined);
  activities.publishStage.mockResolvedValue({ emptySplits: [], quarantined: 0, planned: 1 });
});

describe('a stage that is starting four partitions', () => {
  const input: StageInput = {
    run: { ref, mode: 'missing', window: 8, tolerance: 0.01 },
    ...{ stage: 'tokens', paused: false, bounds: { lotsPerPartition: 10 } },
    planned: {
      ...{ stageVersion: 1, lots: 40, items: 40, planned: 40, queue: 'q', chained: false },
      manifest: { key: '', sha256: '', bytes: 0 },
    },
  };

  /** The first has started, the second is being started. */
  async function begin(): Promise<() => Promise<void>> {
    const stage = stageWorkflow(input);
    await until(1);
    child(0).start();
    await until(2);
    return async () => {
      for (const n of [1, 2, 3]) {
        await until(n + 1);
        child(n).start();
      }
      for (const { end } of world.children) end();
      await stage;
    };
  }

  it('gives each its share of a window that is changed meanwhile', async () => {
    const end = await begin();
    await say('limits', { window: 40 });
    await end();
    expect(world.children.map(({ given }) => given.window)).toEqual([2, 2, 10, 10]);
    expect(world.children.map(({ told }) => told)).toEqual([
      [['limits', { window: 10 }]],
      [['limits', { window: 10 }]],
      [],
      [],
    ]);
  });

  it('shares the window that holds, not the number that was asked for', async () => {
    const end = await begin();
    await say('limits', { window: 1000 });
    await say('limits', { window: 0 });
    await end();
    expect(child(0).told).toEqual([
      ['limits', { window: 50 }],
      ['limits', { window: 50 }],
    ]);
    expect(world.children.map(({ given }) => given.window)).toEqual([2, 2, 50, 50]);
  });

  it('tells the one that is being started of a pause and of the tolerance', async () => {
    const end = await begin();
    await say('pause', 'for a while');
    await say('limits', { tolerance: 0.5 });
    child(1).start();
    await until(3);
    expect(child(1).told).toEqual([
      ['limits', { tolerance: 0.5 }],
      ['pause', 'for a while'],
    ]);
    expect(child(2).given).toMatchObject({ paused: true, tolerance: 0.5, window: 2 });
    await say('unpause');
    await end();
    expect(child(2).told).toEqual([['unpause']]);
    expect(child(3).told).toEqual([]);
  });

  it('says nothing more where the workflow began before this rule', async () => {
    world.patched = false;
    const end = await begin();
    await say('limits', { window: 40 });
    await end();
    expect(child(1).told).toEqual([]);
  });
});

describe('a run that is starting its stages', () => {
  const input: RunInput = {
    ...{ ref, mode: 'missing', window: 8, tolerance: 0.01 },
    steps: [
      { id: 'tokens', stage: 'tokens', after: [] },
      { id: 'train@a', stage: 'train', after: [] },
    ],
  };

  it('shares its window among two that were being started at once, and tells them of a pause', async () => {
    activities.planStage.mockResolvedValue({ items: 1, lots: 1, planned: 1, manifest: {} });
    const run = runWorkflow(input);
    await until(2);
    expect(world.children.map(({ given }) => given.window)).toEqual([8, 8]);
    await say('pause', 'for a while');
    child(0).start();
    await vi.waitFor(() => expect(child(0).told).toEqual([['pause', 'for a while']]));
    child(1).start();
    await vi.waitFor(() => expect(child(1).told).toHaveLength(2));
    expect(child(1).told).toEqual([
      ['limits', { window: 4 }],
      ['pause', 'for a while'],
    ]);
    expect(child(0).told).toEqual([
      ['pause', 'for a while'],
      ['limits', { window: 4 }],
    ]);
    for (const { end } of world.children) end();
    await say('unpause');
    expect(await run).toEqual({ done: 0, quarantined: 0, different: 0 });
  });
});

describe('a suite that is starting a run', () => {
  it('tells it of a pause, and of a tolerance', async () => {
    const run = { ref, steps: [], mode: 'missing', window: 8, tolerance: 0.01 };
    activities.prepareMember.mockResolvedValue({ run: 'small', input: run });
    const suite = suiteWorkflow({ ref, storeId: 's', members: 1, parallel: 1, mode: 'missing', hostQueue: 'q' });
    await until(1);
    await say('pause', 'for a while');
    await say('limits', { tolerance: 0.5, window: 3 });
    child(0).start();
    const told = [
      ['limits', { tolerance: 0.5 }],
      ['pause', 'for a while'],
    ];
    await vi.waitFor(() => expect(child(0).told).toEqual(told));
    await say('unpause');
    child(0).end();
    await suite;
    expect(child(0).told).toEqual([...told, ['unpause']]);
  });
});
