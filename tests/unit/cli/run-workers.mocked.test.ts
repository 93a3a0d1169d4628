// A run is never started for nobody: where a queue that it needs has nobody who stays until its end, a worker is started, or the queue is
// named with what to start. Workers and Temporal's answers are played here.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommandContext } from '../../../cli/command.js';
import type { WorkerLaunch } from '../../../cli/orchestration/local-stack.js';
import {
  createVigil,
  ensureAnswer,
  ensureWorkers,
  type WorkersWanted,
} from '../../../cli/orchestration/run-workers.js';
import { pidSpace, processStart } from '../../../runtime/child/process-identity.js';
import { QUEUES } from '../../../schemas/orchestration.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { identityText } from '../../../schemas/worker-identity.js';

const started = vi.hoisted((): WorkerLaunch[] => []);
vi.mock('../../../cli/orchestration/local-stack.js', async (original) => ({
  ...(await original<object>()),
  listStack: () => Promise.resolve([]),
  startWorker: (launch: WorkerLaunch) => {
    started.push(launch);
    return Promise.resolve({ pid: 4711 });
  },
}));

const HOST = os.hostname();
const WORKFLOW = 'run/s/mine';
const NEEDED = [QUEUES.orchestrate, QUEUES.host(HOST), QUEUES.io, QUEUES.compute('cpu')];
let folder = '';
let notes: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'assay-run-workers-'));
  await writeFile(path.join(folder, 'c.jsonl'), '');
  notes = [];
  started.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

/** Temporal as it would answer: who polls which queue, and whether somebody answers for the workflow. */
interface Played {
  readonly pollers: Readonly<Record<string, readonly string[]>>;
  readonly answers?: boolean;
  readonly waiting?: number;
}

function clientOf({ pollers, answers = true, waiting = 1 }: Played): Client {
  return {
    workflowService: {
      describeTaskQueue: ({ taskQueue }: { taskQueue: { name: string } }) =>
        Promise.resolve({
          pollers: (pollers[taskQueue.name] ?? []).map((identity) => ({
            identity,
            lastAccessTime: { seconds: Math.floor(Date.now() / 1000) },
          })),
          stats: { approximateBacklogCount: waiting },
        }),
    },
    withDeadline: (_: number, ask: () => Promise<unknown>) => ask(),
    workflow: {
      getHandle: () => ({
        query: () => (answers ? Promise.resolve({}) : Promise.reject(new TypeError('nobody'))),
        describe: () => Promise.resolve({ status: { name: 'RUNNING' } }),
      }),
    },
  } as unknown as Client;
}

function wantedOf(played: Played, other: Partial<WorkersWanted> & { readonly hostId?: string } = {}): WorkersWanted {
  const { hostId = HOST, ...rest } = other;
  const revision = {
    ...{ name: 'mine', hostId, engine: { provider: 'cpu', threads: 1 } },
    parts: [{ location: path.join(folder, 'c.jsonl') }],
  } as unknown as ResolvedRun;
  const context = { io: { cwd: folder }, output: { note: (text: string) => notes.push(text) } };
  return {
    ...{ client: clientOf(played), at: { address: '127.0.0.1:1', namespace: 'default', web: null } },
    ...{ context: context as unknown as CommandContext, workers: undefined, revision, workflowId: WORKFLOW },
    ...{ queues: NEEDED, ...rest },
  };
}

async function ownIdentity(until: string | null = null, start?: string): Promise<string> {
  const live = (await processStart(process.pid)) ?? '';
  return identityText({ pid: process.pid, host: HOST, machine: await pidSpace(), start: start ?? live, until });
}

/** The same poller at each of the queues. */
const everywhere = (identity: string, queues = NEEDED): Record<string, string[]> =>
  Object.fromEntries(queues.map((queue) => [queue, [identity]]));

describe('without a number of workers', () => {
  it('none is started where a live one serves every queue', async () => {
    await ensureWorkers(wantedOf({ pollers: everywhere(await ownIdentity()) }));
    expect(started).toEqual([]);
    expect(notes).toEqual([]);
  });

  it.each([
    ['nobody ever polled', () => Promise.resolve(null)],
    ['the one that polled was killed a moment ago', () => ownIdentity(null, '1')],
    ['the one that polls ends with the run before', () => ownIdentity('run/s/before')],
  ])('one with all roles is started where %s', async (_, identity) => {
    const of = await identity();
    await ensureWorkers(wantedOf({ pollers: of === null ? {} : everywhere(of) }));
    expect(started).toMatchObject([{ device: 'cpu', exitWithRun: WORKFLOW, hostId: HOST }]);
    expect(started[0]?.roles).toBeUndefined();
  });

  it('one is started where workers do workflows alone', async () => {
    await ensureWorkers(wantedOf({ pollers: everywhere(await ownIdentity(), [QUEUES.orchestrate]) }));
    expect(started).toHaveLength(1);
  });

  it('a poll of another machine is believed where somebody answers for the run, and not where nobody does', async () => {
    const identity = identityText({ pid: 1, host: 'far', machine: 'far', start: '1', until: null });
    await ensureWorkers(wantedOf({ pollers: everywhere(identity) }));
    expect(started).toHaveLength(0);
    await ensureWorkers(wantedOf({ pollers: everywhere(identity), answers: false }, { answerMs: 20 }));
    expect(started).toHaveLength(1);
  });

  it('where only the queue of a host that was renamed is left, one that reads its files is started here', async () => {
    const queues = [QUEUES.orchestrate, QUEUES.host('old-name'), QUEUES.io, QUEUES.compute('cpu')];
    const pollers = everywhere(await ownIdentity(), NEEDED);
    await ensureWorkers(wantedOf({ pollers }, { queues, hostId: 'old-name' }));
    expect(started).toMatchObject([{ roles: ['io'], hostId: 'old-name', slots: 1 }]);
    expect(notes.join('\n')).toContain('it reads the files of host old-name, which are here');
  });

  it('the queue of a host whose files are not here is named, with what to start where', async () => {
    const queues = [QUEUES.orchestrate, QUEUES.host('far'), QUEUES.io, QUEUES.compute('cpu')];
    await rm(path.join(folder, 'c.jsonl'));
    await ensureWorkers(wantedOf({ pollers: everywhere(await ownIdentity(), NEEDED) }, { queues, hostId: 'far' }));
    expect(notes.join('\n')).toContain(
      'mine waits: nobody serves the queue assay-host-far; start `assay worker --roles io` on far',
    );
  });
});

it('with 0 workers nothing is started, and every queue that nobody serves is named', async () => {
  await ensureWorkers(wantedOf({ pollers: {} }, { workers: 0 }));
  expect(started).toEqual([]);
  for (const queue of NEEDED) expect(notes.join('\n')).toContain(`nobody serves the queue ${queue};`);
});

describe('while a run is followed', () => {
  it('a worker that dies is replaced, three times at most, and the queue is named once', async () => {
    const vigil = createVigil(wantedOf({ pollers: {} }), 0);
    for (let look = 0; look < 6; look++) await vigil();
    expect(started).toHaveLength(3);
    expect(notes.filter((note) => note.includes(`nobody serves the queue ${QUEUES.io} (1 task waits)`))).toHaveLength(
      1,
    );
  });

  it('nothing is said of a queue in which nothing waits', async () => {
    await createVigil(wantedOf({ pollers: {}, waiting: 0 }), 0)();
    expect({ started, notes }).toEqual({ started: [], notes: [] });
  });

  it('with 0 workers the queue is named and nothing is started', async () => {
    await createVigil(wantedOf({ pollers: {} }, { workers: 0 }), 0)();
    expect(started).toEqual([]);
    expect(notes).toHaveLength(NEEDED.length);
  });
});

describe('what a run is told', () => {
  const answer = async (pollers: Played['pollers'], start: boolean): Promise<void> => {
    const { client, at, context } = wantedOf({ pollers });
    await ensureAnswer({ client, at, context, run: 'mine', workflowId: WORKFLOW, start });
  };

  it('reaches a worker for workflows alone, which is started for a cancel where nobody serves', async () => {
    await answer({}, true);
    expect(started).toMatchObject([{ roles: ['orchestrate'], exitWithRun: WORKFLOW }]);
  });

  it('is said to wait where nobody serves, for a pause', async () => {
    await answer({}, false);
    expect(started).toEqual([]);
    expect(notes.join()).toContain(
      'nobody serves the queue assay-orchestrate; start `assay worker --roles orchestrate`',
    );
  });

  it('needs nothing where a worker lives', async () => {
    await answer(everywhere(await ownIdentity()), true);
    expect({ started, notes }).toEqual({ started: [], notes: [] });
  });
});
