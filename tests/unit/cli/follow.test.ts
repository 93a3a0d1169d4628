// Whoever follows a run is told of the execution that was started, and of no other under the same name.
import { describe, expect, it } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import type { CommandContext } from '../../../cli/command.js';
import { followRun } from '../../../cli/orchestration/follow.js';
import type { RunEnd } from '../../../cli/orchestration/run-end.js';
import { followSuite } from '../../../cli/orchestration/follow-suite.js';
import type { LiveLine } from '../../../cli/terminal/live-line.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import type { SuiteRecord } from '../../../schemas/suite.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import { appendEvent } from '../../../storage/records/events.js';
import { writePlan } from '../../../storage/records/plan-record.js';

type Told = readonly [type: string, data?: Record<string, unknown>];

const run = {
  ...{ name: 'small', revision: 1, until: 'corpus', parts: [], dictionaries: [], limitDocuments: null },
  file: { seed: 0, corpus: { split: {} }, saes: [] },
  model: { tokenizer: { sha256: 'a' } },
} as unknown as ResolvedRun;

/** How a followed execution `mine`, which has closed with that status, is said to have ended. */
async function follow(events: readonly Told[], status: string, joined = false): Promise<RunEnd & { notes: string[] }> {
  return followIn(createMemoryStore(), events, { status, joined });
}

interface Seen {
  readonly status: string;
  readonly joined: boolean;
  readonly onLine?: (line: LiveLine | string | null) => void;
  /** Its configuration and its plan are gone. */
  readonly isRemoved?: boolean;
  /** The execution whose child the server knows under the stage's name. */
  readonly parent?: string;
}

async function followIn(
  store: ReturnType<typeof createMemoryStore>,
  events: readonly Told[],
  { status, joined, onLine, isRemoved = false, parent = 'mine' }: Seen,
): Promise<RunEnd & { notes: string[] }> {
  if (!isRemoved) {
    await store.put('runs/small/1/config.json', Buffer.from('{}'));
    await writePlan(store, { formatVersion: 1, run: 'small', revision: 1, stages: [] });
  }
  for (const [type, data = {}] of events) await appendEvent(store, run, { type, data, atMs: 1 });
  // It runs until its line was seen, where that is looked at.
  let looks = onLine ? 1 : 0;
  const workflow = {
    workflowId: 'assay/small',
    client: {
      getHandle: (id: string, runId?: string) => ({
        describe: () => Promise.resolve({ runId: 'child', parentExecution: { runId: parent } }),
        query: () =>
          id === 'assay/small/encode' && (runId ?? 'child') === 'child'
            ? Promise.resolve({ done: parent === 'mine' ? 1 : 4 })
            : Promise.reject(new Error('none')),
      }),
    },
    describe: () => Promise.resolve({ status: { name: looks-- > 0 ? 'RUNNING' : status } }),
    result: () => (status === 'COMPLETED' ? Promise.resolve() : Promise.reject(new Error('the disk is full'))),
  } as unknown as WorkflowHandle;
  const notes: string[] = [];
  const output = { note: (line: string) => notes.push(line), progress: onLine ?? (() => undefined) };
  const io = { signal: new AbortController().signal, stderr: { isTTY: false } };
  const context = { output, io } as unknown as CommandContext;
  const end = await followRun({
    store,
    run,
    workflow,
    vigil: () => Promise.resolve(),
    execution: { runId: 'mine', joined },
    context,
  });
  return { ...end, notes };
}

const earlier: readonly Told[] = [
  ['started', { execution: 'before', mode: 'missing' }],
  ['stage-started', { stage: 'corpus', step: 'corpus', items: 1, planned: 1, lots: 1 }],
  ['completed'],
];

it('an execution that failed and could tell nothing is not taken for the one before it, which was complete', async () => {
  const end = await follow(earlier, 'FAILED');
  expect(end).toMatchObject({ exitCode: 1 });
  expect(end.text).toContain('small failed, and its end could not be stored: the disk is full');
  expect(end.notes).toEqual([]);
});

it('nor for one that comes after it', async () => {
  const after: Told[] = [['started', { execution: 'after' }], ['completed']];
  const end = await follow(
    [...earlier, ['started', { execution: 'mine' }], ['failed', { message: 'no' }], ...after],
    'FAILED',
  );
  expect(end).toMatchObject({ exitCode: 1, state: 'failed' });
});

it('one that was terminated is called so, whatever was before', async () => {
  expect((await follow(earlier, 'TERMINATED')).text).toContain('was terminated from outside');
});

it('its own end is told, and nothing of the one before', async () => {
  const end = await follow([...earlier, ['started', { execution: 'mine' }], ['completed']], 'COMPLETED');
  expect(end).toMatchObject({ exitCode: 0, state: 'completed', notes: [] });
});

it('one that an earlier release started is joined by its latest start', async () => {
  const old: Told[] = [['started', { mode: 'missing' }], ['completed']];
  expect(await follow(old, 'COMPLETED', true)).toMatchObject({ exitCode: 0, state: 'completed' });
  expect(await follow(old, 'FAILED')).toMatchObject({ exitCode: 1 });
});

describe('one that computes everything anew', () => {
  const anew: readonly Told[] = [
    ['started', { execution: 'mine', mode: 'all' }],
    ['stage-started', { stage: 'tokens', step: 'tokens', items: 3, planned: 3, lots: 1 }],
    ['stage-finished', { stage: 'tokens', step: 'tokens', committed: 3, planned: 3, quarantined: 0 }],
    ['stage-started', { stage: 'encode', step: 'encode', items: 4, planned: 4, lots: 2 }],
  ];

  it('counts what is computed anew, though all of it is committed', async () => {
    const lines: unknown[] = [];
    await followIn(createMemoryStore(), anew, {
      ...{ status: 'COMPLETED', joined: false },
      onLine: (line) => lines.push(line),
    });
    expect(lines[0]).toMatchObject({ name: 'encode', share: 0.25, parts: ['1 / 4'] });
  });

  it('begins at nothing while the server knows only the stage of an earlier execution, which did all', async () => {
    const lines: unknown[] = [];
    await followIn(createMemoryStore(), anew, {
      ...{ status: 'COMPLETED', joined: false, parent: 'before' },
      onLine: (line) => lines.push(line),
    });
    expect(lines[0]).toMatchObject({ name: 'encode', share: 0, parts: ['0 / 4'] });
  });

  it('shows no bar of a stage that has ended', async () => {
    const lines: unknown[] = [];
    const ended: Told = [
      'stage-finished',
      { stage: 'encode', step: 'encode', committed: 4, planned: 4, quarantined: 0 },
    ];
    await followIn(createMemoryStore(), [...anew, ended], {
      ...{ status: 'COMPLETED', joined: false },
      onLine: (line) => lines.push(line),
    });
    expect(lines.filter((line) => line !== null)).toEqual([]);
  });

  it('says how many shards were computed anew, and that none differs', async () => {
    const end = await follow([...anew, ['completed', { done: 7, quarantined: 0, different: 0 }]], 'COMPLETED');
    expect(end).toMatchObject({ exitCode: 0, recomputed: { shards: 7, different: 0 } });
    expect(end.text).toBe('small is complete. Recomputed 7 shards: none differs from what was stored.');
  });

  it('says how many differ, and where they are named', async () => {
    const differs: Told = [
      'shard-differs',
      { stage: 'encode', step: 'encode', shard: 's-00001', key: 'k', input: 'i' },
    ];
    const end = await follow([...anew, differs, ['completed', { done: 7, quarantined: 0, different: 1 }]], 'COMPLETED');
    expect(end).toMatchObject({ exitCode: 1, recomputed: { shards: 7, different: 1 } });
    expect(end.text).toContain('small: 1 of 7 recomputed shards differs from its commit');
    expect(end.text).toContain('`assay logs small` names them, ten of a lot at most.');
    expect(end.notes).toContain('encode       shard s-00001 differs from its commit');
  });
});

it('what a signal of the last moment stored behind the end changes nothing of it', async () => {
  const late: Told[] = [['limits', { window: 2 }], ['paused', { reason: 'paused by a user' }], ['unpaused']];
  const own: Told[] = [
    ['started', { execution: 'mine', mode: 'all' }],
    ['completed', { done: 7, different: 2 }],
  ];
  const end = await follow([...own, ...late], 'COMPLETED');
  expect(end).toMatchObject({ exitCode: 1, state: 'completed' });
  expect(end.text).toContain('2 of 7 recomputed shards differ');
});

describe('a suite', () => {
  const suite = {
    ...{ name: 's', revision: 1, members: 1 },
    template: { name: 's', matrix: { seed: [1] } },
  } as unknown as SuiteRecord;

  /** How a followed execution `mine` is said to have ended. @param answers of Temporal, the last again and again */
  async function followed(events: readonly Told[], answers: readonly string[], isThere = true) {
    const store = createMemoryStore();
    if (isThere) await store.put('runs/s/1/suite.json', Buffer.from('{}'));
    for (const [type, data = {}] of events) await appendEvent(store, suite, { type, data, atMs: 1 });
    const left = [...answers];
    let asked = 0;
    const workflow = {
      describe: () => {
        asked++;
        const status = (left.length > 1 ? left.shift() : left[0]) ?? '';
        if (status === 'UNAVAILABLE') return Promise.reject(new Error(status));
        return Promise.resolve({ status: { name: status }, raw: {} });
      },
      result: () => Promise.reject(new Error('the disk is full')),
    } as unknown as WorkflowHandle;
    const output = { note: () => undefined, progress: () => undefined };
    const context = { output, io: { signal: new AbortController().signal } } as unknown as CommandContext;
    const vigil = (): Promise<void> => Promise.resolve();
    return { ...(await followSuite(store, suite, { workflow, runId: 'mine', context, vigil })), asked: () => asked };
  }
  const mine: Told = ['started', { execution: 'mine' }];

  it('is followed on where the server does not answer for a moment', async () => {
    const end = await followed([mine, ['completed']], ['UNAVAILABLE', 'COMPLETED']);
    expect(end).toMatchObject({ state: 'completed', exitCode: 0 });
    expect(end.asked()).toBe(2);
  });

  it('whose end could not be stored is told with its own words', async () => {
    const end = await followed([mine], ['FAILED']);
    expect(end).toMatchObject({ state: 'failed', exitCode: 1, failure: { message: 'the disk is full' } });
    expect(end.text).toContain('s failed, and its end could not be stored: the disk is full');
  });

  it('that was terminated after an earlier one was cancelled is not called cancelled', async () => {
    const end = await followed([['started', { execution: 'before' }], ['cancelled']], ['TERMINATED']);
    expect(end).toMatchObject({ state: 'failed', exitCode: 1 });
    expect(end.text).toContain('s was terminated from outside. Go on with: assay resume s');
  });

  it('that was cancelled is', async () => {
    const end = await followed([mine, ['cancelled']], ['CANCELED']);
    expect(end).toMatchObject({ state: 'cancelled', exitCode: 1 });
    expect(end.text).toContain('What is committed stays. Go on with: assay resume s');
  });

  it('that was removed by force is not told to be resumed', async () => {
    const end = await followed([mine, ['failed', { message: 'no' }]], ['FAILED'], false);
    expect(end.text).toContain(
      's: it was removed before it had come to its end. Remove what is left with `assay rm s`',
    );
  });
});

it('one that failed gives class, place, message and remedy as data, as its text does', async () => {
  const message = 'a.jsonl:2: expected a JSON object on the line, found 3 bytes that are none';
  const data = { stage: 'corpus', step: 'corpus', error: 'DataError', message, details: { file: 'a.jsonl', line: 2 } };
  const end = await follow(
    [
      ['started', { execution: 'mine' }],
      ['failed', data],
    ],
    'FAILED',
  );
  const remedy = 'What is committed stays; mend the cause, then: assay resume small';
  const { key } = end.failure ?? {};
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  const place = { stage: 'corpus', step: 'corpus', key };
  expect(end.failure).toEqual({ class: 'DataError', ...place, message, remedy, details: data.details });
  expect(end.text).toBe(`small failed in stage corpus: ${message}\n${remedy}`);
});

it.each([
  ['FAILED', 'the disk is full', 'Mend the cause, then: assay resume small'],
  ['TERMINATED', 'it was terminated from outside.', 'Go on with: assay resume small'],
])('one that could tell nothing (%s) has a reason and a remedy', async (status, message, remedy) => {
  const { failure, text } = await follow([['started', { execution: 'mine' }]], status);
  expect(failure).toMatchObject({ class: null, message, remedy });
  expect(text).toContain(remedy);
});

describe('one that was removed by force while it was at work', () => {
  const begun: readonly Told[] = [
    ['started', { execution: 'mine' }],
    ['stage-started', { stage: 'tokens', step: 'tokens', items: 3, planned: 3, lots: 1 }],
  ];

  it.each([
    ['failed for what is gone', [...begun, ['failed', { message: 'no configuration' }]] as Told[], 'FAILED'],
    ['could tell nothing', begun, 'FAILED'],
    ['was cancelled', [...begun, ['cancelled']] as Told[], 'CANCELED'],
  ])('and %s is not told to be resumed', async (_, events, status) => {
    const end = await followIn(createMemoryStore(), events, { status, joined: false, isRemoved: true });
    expect(end).toMatchObject({ exitCode: 1, state: 'failed' });
    expect(end.text).toBe(
      'small: it was removed before it had come to its end.\nRemove what is left with `assay rm small`; `assay run` with its file starts it anew.',
    );
  });

  it('shows no bar without a plan', async () => {
    const lines: unknown[] = [];
    const onLine = (line: unknown): unknown => lines.push(line);
    await followIn(createMemoryStore(), begun, { status: 'FAILED', joined: false, isRemoved: true, onLine });
    expect(lines.filter((line) => line !== null)).toEqual([]);
  });

  it('is complete where it had come to its end before', async () => {
    const events: Told[] = [...begun, ['completed']];
    const seen = { status: 'COMPLETED', joined: false, isRemoved: true };
    expect(await followIn(createMemoryStore(), events, seen)).toMatchObject({ exitCode: 0, state: 'completed' });
  });
});
