// What a failed run leaves behind: an event with the class, the values and the step of what failed, and a workflow that ends with
// that failure also where the event could not be stored. The tolerance for quarantined shards is rounded down.
import { ApplicationFailure } from '@temporalio/common';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunInput } from '../../../schemas/messages.js';

const activities = vi.hoisted(() => ({
  planStage: vi.fn(),
  publishStage: vi.fn(),
  recordEvent: vi.fn(),
  runLot: vi.fn(),
}));
const handlers = vi.hoisted(() => new Map<string, (...given: unknown[]) => unknown>());
const world = vi.hoisted(() => ({ patched: true }));

vi.mock('@temporalio/workflow', async (original) => {
  const { playedWorkflow } = await import('./played-workflow.js');
  return playedWorkflow(await original<object>(), {
    ...{ activities, handlers, workflowId: 'run/store/small' },
    patched: () => world.patched,
    startChild: () => Promise.resolve({ signal: () => Promise.resolve() }),
  });
});

const { runWorkflow } = await import('../../../workflows/run.js');
const { stageWorkflow } = await import('../../../workflows/stage.js');

const ref = { store: { url: 'file:///s', options: {} }, run: 'small', revision: 1 };
const input: RunInput = {
  ...{ ref, mode: 'missing', window: 4, tolerance: 0.01 },
  steps: [
    { id: 'tokens', stage: 'tokens', after: [] },
    { id: 'train@a', stage: 'train', after: [] },
  ],
};
const fullDisk = (): ApplicationFailure =>
  ApplicationFailure.create({
    message: 'Expected room for an object, the disk is full; free space there, then `assay resume`.',
    type: 'ResourceError',
    details: [{ code: 'ENOSPC', key: 'data/aa/bb.arrow', operation: 'create' }],
  });

beforeEach(() => {
  vi.resetAllMocks();
  handlers.clear();
  world.patched = true;
});

describe('a run of which one step fails', () => {
  beforeEach(() => {
    activities.recordEvent.mockResolvedValue(undefined);
    // The step that begins last is not the one that fails first.
    activities.planStage.mockImplementation(async ({ stage }: { stage: string }) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      throw stage === 'tokens' ? fullDisk() : new Error('a later failure');
    });
  });

  it('stores the class, the values and the remedy of what failed, and the step', async () => {
    await expect(runWorkflow(input)).rejects.toThrow('the disk is full');
    const event = activities.recordEvent.mock.calls.map(([given]) => given as { type: string; data: object }).at(-1);
    expect(event).toMatchObject({
      type: 'failed',
      data: {
        ...{ stage: 'tokens', step: 'tokens', error: 'ResourceError' },
        message: expect.stringContaining('free space there') as string,
        details: { code: 'ENOSPC', key: 'data/aa/bb.arrow' },
      },
    });
  });

  it('ends with that failure and its values, not with that of an event that cannot be stored', async () => {
    activities.recordEvent.mockImplementation(({ type }: { type: string }) =>
      type === 'failed' ? Promise.reject(new Error('Activity task failed')) : Promise.resolve(),
    );
    const failure: unknown = await runWorkflow(input).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      ...{ type: 'ResourceError', message: fullDisk().message, nonRetryable: true },
      details: [{ stage: 'tokens', step: 'tokens', code: 'ENOSPC', key: 'data/aa/bb.arrow' }],
    });
  });
});

describe('the tolerance of a stage', () => {
  /** Runs a stage of so many shards in one lot, of which some are quarantined; returns whether it paused. */
  async function pausesAt(planned: number, tolerance: number, quarantined: number): Promise<string | null> {
    const done = planned - quarantined;
    activities.runLot.mockResolvedValue({
      done,
      quarantined,
      different: 0,
      finished: true,
      ended: planned,
      hostQueue: '',
    });
    activities.recordEvent.mockImplementation(() => Promise.resolve(handlers.get('unpause')?.()));
    await stageWorkflow({
      ...{ run: { ...input, tolerance }, stage: 'tokens', paused: false },
      planned: {
        ...{ stageVersion: 1, lots: 1, items: planned, planned, queue: 'q', chained: false },
        manifest: { key: '', sha256: '', bytes: 0 },
      },
    });
    const paused = activities.recordEvent.mock.calls.map(
      ([given]) => given as { type: string; data: { reason: string } },
    );
    return paused.find(({ type }) => type === 'paused')?.data.reason ?? null;
  }

  it.each([
    { planned: 9, tolerance: 0.01, quarantined: 1, pauses: true },
    { planned: 99, tolerance: 0.01, quarantined: 1, pauses: true },
    { planned: 100, tolerance: 0.01, quarantined: 1, pauses: false },
    { planned: 100, tolerance: 0.01, quarantined: 2, pauses: true },
    { planned: 100, tolerance: 0.29, quarantined: 29, pauses: false },
    { planned: 100, tolerance: 0.29, quarantined: 30, pauses: true },
    { planned: 9, tolerance: 0.12, quarantined: 1, pauses: false },
  ])('$tolerance of $planned shards with $quarantined quarantined: a pause is $pauses', async (one) => {
    expect((await pausesAt(one.planned, one.tolerance, one.quarantined)) !== null).toBe(one.pauses);
  });

  it('is told with the arithmetic', async () => {
    expect(await pausesAt(9, 0.01, 1)).toBe(
      '1 of 9 shards of stage tokens are quarantined, more than the 0 that the tolerance 0.01 allows (0.01 × 9, rounded down)',
    );
  });

  it('of a stage that began under the earlier rule is still rounded up', async () => {
    world.patched = false;
    expect(await pausesAt(9, 0.01, 1)).toBe(null);
    expect(await pausesAt(9, 0.01, 2)).toContain('more than the 1');
  });
});
