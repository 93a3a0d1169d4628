// `schedule create` stores its template where `run` would store, says whose fault a refusal is, and a schedule keeps what the user said.
// Temporal's answers are played here; that it refuses such times is seen in tests/e2e.
import { cp, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { ScheduleNotFoundError, type ScheduleOptions } from '@temporalio/client';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { writeLocalConfig } from '../../../cli/local-config.js';
import { schedules } from '../../../cli/orchestration/schedules.js';
import { answerError } from '../../../cli/orchestration/temporal-client.js';
import { InputError, ResourceError, TransientError } from '../../../schemas/errors.js';
import { packageRoot } from '../../../runtime/package-root.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli, type CliResult } from './harness.js';

/** Codes of gRPC, as they stand in its specification. */
const status = {
  DEADLINE_EXCEEDED: 4,
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

interface Played {
  readonly created: unknown[];
  refusal: Error | null;
  /** What the server keeps, by id. */
  kept: Readonly<Record<string, unknown>>;
}
const played = vi.hoisted((): Played => ({ created: [], refusal: null, kept: {} }));
vi.mock('../../../cli/orchestration/temporal-client.js', async (original) => ({
  ...(await original<object>()),
  withTemporal: (_: unknown, body: (client: unknown, at: unknown) => Promise<unknown>) =>
    body(
      {
        workflowService: { describeTaskQueue: () => Promise.resolve({ pollers: [] }) },
        schedule: {
          list: () => Object.keys(played.kept).map((scheduleId) => ({ scheduleId })),
          getHandle: (scheduleId: string) => {
            const known = played.kept[scheduleId];
            const missing = new ScheduleNotFoundError('no such schedule', scheduleId);
            const answer = () => (known === undefined ? Promise.reject(missing) : Promise.resolve(known));
            return { scheduleId, describe: answer, pause: answer, unpause: answer, delete: answer };
          },
          create: (options: unknown) => {
            if (played.refusal !== null) return Promise.reject(played.refusal);
            played.created.push(options);
            return Promise.resolve({ describe: () => Promise.resolve({ info: { nextActionTimes: [new Date(0)] } }) });
          },
        },
      },
      { address: '127.0.0.1:1', namespace: 'default' },
    ),
}));

const root = temporaryFolder('schedules');
const folder = path.join(root, 'tests', 'cases', 'data', 'q-dst');
beforeEach(async () => {
  played.created.length = 0;
  played.refusal = null;
  played.kept = {};
  await mkdir(folder, { recursive: true });
  await cp(path.join(packageRoot(), 'tests', 'cases', 'data', 'q-dst'), folder, { recursive: true });
});

function grpcError(code: number, details: string): Error {
  return Object.assign(new TypeError(details), { code, details, metadata: {} });
}

function create(
  other: { readonly cron?: string; readonly environment?: Record<string, string> } = {},
): Promise<CliResult> {
  const options = {
    ...{ file: 'interval.yaml', id: undefined, cron: other.cron, timeZone: 'Europe/Berlin', overlap: 'skip' as const },
    ...{ everyMs: other.cron === undefined ? 3600_000 : undefined, jitterMs: 0, catchUpMs: undefined, paused: false },
  };
  return runCli(['schedule', 'create', 'interval.yaml', '--every', '1h'], {
    ...{ cwd: folder, environment: other.environment ?? {} },
    act: (context) => schedules.create(options, context),
  });
}

const created = (): ScheduleOptions => played.created[0] as ScheduleOptions;

describe('schedule create', () => {
  it('keeps its template in the store of the file, else in that of ASSAY_STORE', async () => {
    expect(await create()).toMatchObject({ code: 0 });
    expect(await readdir(path.join(folder, 'store'))).toContain('data');
    const elsewhere = await create({ environment: { ASSAY_STORE: 'elsewhere' } });
    expect(elsewhere.err).toContain(`store file://${folder}/elsewhere (ASSAY_STORE, new)`);
    expect(await readdir(path.join(folder, 'elsewhere'))).toContain('data');
  });

  it('lets the template go where Temporal refused, and keeps it where nobody knows whether it did', async () => {
    const kept = async (): Promise<string[]> => {
      const names = await readdir(path.join(folder, 'store', 'schedules'), { recursive: true }).catch(() => []);
      return names.filter((name) => name.endsWith('.json'));
    };
    const before = (await kept()).length;
    played.refusal = new TypeError('Minute is not in range [0-59]');
    expect((await create({ cron: '61 * * * *' })).code).toBe(2);
    expect(await kept()).toHaveLength(before);
    played.refusal = new TransientError('the connection broke after the request');
    expect((await create()).code).toBe(3);
    expect(await kept()).toHaveLength(before + 1);
  });

  it('gives its runs the connection of the local stack', async () => {
    const storeOptions = { pathStyle: true, checksums: 'when_required' } as const;
    await writeLocalConfig(folder, { formatVersion: 1, store: 'file://./store', storeOptions });
    await create();
    expect(created().action.args).toMatchObject([{ ref: { store: { options: storeOptions } } }]);
  });

  it('names the queues that nobody serves', async () => {
    const { err } = await create();
    expect(err).toContain('schedule iv waits: nobody serves the queue assay-orchestrate;');
    expect(err).toContain('schedule iv waits: nobody serves the queue assay-host-');
  });

  it('remembers when it starts, as the user said it', async () => {
    await create({ cron: '0 2 * * 1-5' });
    expect(created().memo).toMatchObject({ when: '0 2 * * 1-5', timeZone: 'Europe/Berlin' });
  });

  it.each([
    ['as its client throws it', () => new TypeError('Minute is not in range [0-59]')],
    [
      'as a server answers it',
      () => new RangeError('x', { cause: grpcError(status.INVALID_ARGUMENT, 'Minute is not in range [0-59]') }),
    ],
  ])('calls times that Temporal refuses the mistake of whoever gave them, %s', async (_, refusal) => {
    played.refusal = refusal();
    const result = await create({ cron: '61 * * * *' });
    expect(result.code).toBe(2);
    expect(result.err).toContain(
      'Expected times that Temporal takes, found 61 * * * *: Minute is not in range [0-59].',
    );
    expect(result.err).not.toContain('fault of assay');
  });
});

describe('schedules that are there', () => {
  const kept = (store: string, when: string, paused = false) => ({
    ...{ spec: {}, state: { paused }, memo: { when, run: 'hourly-{{hour}}', timeZone: 'UTC' } },
    action: { args: [{ ref: { store: { url: store } } }] },
    info: {
      nextActionTimes: [new Date(Date.UTC(2026, 10, 30, 12, 14, 12))],
      recentActions: [
        {
          scheduledAt: new Date(Date.UTC(2026, 10, 30, 11)),
          action: { workflow: { workflowId: 'scheduled/1/night' } },
        },
      ],
    },
  });
  const asked = (
    act: Parameters<typeof runCli>[1] & object,
    environment: Record<string, string> = { ASSAY_STORE: 'store' },
  ) => runCli(['schedule', 'list'], { cwd: folder, environment, ...act });

  it('are listed as a table of this store, which is named once', async () => {
    played.kept = {
      'assay/night': kept(`file://${folder}/store`, 'every 3600 s'),
      'assay/day': kept(`file://${folder}/store`, '0 2 * * *', true),
      'assay/else': kept('file:///elsewhere', '0 2 * * *'),
      other: kept(`file://${folder}/store`, '0 2 * * *'),
    };
    const listed = await asked({ act: (context) => schedules.list(context) });
    expect(listed.out.split('\n')).toEqual([
      'schedule  run              when       time zone  next start',
      'night     hourly-{{hour}}  every 1 h  UTC        2026-11-30 12:14:12Z',
      'day       hourly-{{hour}}  0 2 * * *  UTC        paused',
      '',
    ]);
    expect(listed.err).toBe(
      `store file://${folder}/store (ASSAY_STORE)\n1 schedule of other stores: name a store with --store to see its own.\n`,
    );
    const all = await asked({ cwd: root, act: (context) => schedules.list(context) }, {});
    expect(all.out).toContain('\nelse ');
  });

  it('are shown with the runs that they started', async () => {
    played.kept = { 'assay/night': kept('file:///s', 'every 5400 s') };
    const { out, err } = await asked({ act: (context) => schedules.show('night', context) });
    expect(err).toBe('store file:///s (the schedule)\n');
    expect(out).toContain('every 90 min');
    expect(out).toContain('started 2026-11-30 11:00:00Z  scheduled/1/night');
  });

  it('are told what has become of them in a sentence', async () => {
    played.kept = { 'assay/night': kept('file:///s', '0 2 * * *') };
    expect((await asked({ act: (context) => schedules.pause('night', context) })).out).toBe(
      'schedule night is paused\n',
    );
    expect((await asked({ act: (context) => schedules.unpause('night', context) })).out).toBe(
      'schedule night is unpaused\n',
    );
  });

  it('are forgotten with the name of their store, which is told once', async () => {
    await create();
    played.kept = { 'assay/night': { ...kept('', '0 2 * * *'), action: created().action } };
    const told = await asked({ act: (context) => schedules.delete('night', context) });
    expect(told).toMatchObject({ code: 0, err: `store file://${folder}/store (the schedule)\n` });
  });

  it('are guessed where an id is misspelt', async () => {
    played.kept = { 'assay/nightly': kept('file:///s', '0 2 * * *') };
    const near = await asked({ act: (context) => schedules.pause('nihgtly', context) });
    expect(near).toMatchObject({ code: 2, err: 'error: There is no schedule "nihgtly"; did you mean nightly?\n' });
    const far = await asked({ act: (context) => schedules.pause('photosynthesis', context) });
    expect(far.err).toContain('`assay schedule list` shows all.');
  });
});

describe('what a server answers', () => {
  const at = { address: 'h:1', namespace: 'ns' };
  it.each([
    [status.INVALID_ARGUMENT, InputError, 'no search attribute AssayRun'],
    [status.NOT_FOUND, InputError, 'Namespace ns is not found'],
    [status.PERMISSION_DENIED, ResourceError, 'Request unauthorized'],
    [status.UNAUTHENTICATED, ResourceError, 'no key'],
    [status.UNAVAILABLE, TransientError, 'shutting down'],
    [status.DEADLINE_EXCEEDED, TransientError, 'too late'],
    [status.RESOURCE_EXHAUSTED, TransientError, 'rate limit'],
  ])('with code %i is a %o', (code, kind, details) => {
    const error = answerError(new TypeError('Failed', { cause: grpcError(code, details) }), at);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toContain(`The Temporal server at h:1 (namespace ns) answered: ${details}.`);
  });

  it('of another kind stays what it is, as do errors of our own', () => {
    const own = new InputError('Own.');
    expect(answerError(own, at)).toBe(own);
    const other = grpcError(status.INTERNAL, 'broken');
    expect(answerError(other, at)).toBe(other);
  });
});
