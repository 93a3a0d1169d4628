// Runs that start by the clock: named by the scheduled time, in the schedule's zone, made up for days that have passed, done once.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { planGarbage } from '../../storage/gc/collect-garbage.js';
import { listAll } from '../../storage/records/record-io.js';
import type { Project } from './harness/project.js';
import { useScene } from './harness/scene.js';
import { untilStatus } from './harness/watch.js';

/** Midnight UTC in winter is 19:00 of the day before in New York: names by UTC would be a day late. */
const ZONE = 'America/New_York';
const CREATE = ['schedule', 'create', 'run.yaml', '--cron', '0 19 * * *', '--time-zone', ZONE];

interface Schedule {
  readonly id: string;
  readonly run: string;
  readonly when: string[];
  readonly timeZone: string;
  readonly paused: boolean;
  readonly nextMs: number[];
  readonly recent: { readonly scheduledMs: number; readonly workflow: string }[];
}

const scene = useScene();
let project: Project;

beforeAll(async () => {
  project = await scene.project({ chapters: 12, run: { name: 'nightly-{{date}}', saes: [] } });
  await scene.worker(project);
}, 120_000);

const show = (): Promise<Schedule> => project.json<Schedule>('schedule', 'show', 'nightly');

async function runNames(): Promise<string[]> {
  const runs = await project.json<{ run: string; revision: number }[]>('runs');
  return runs.map(({ run, revision }) => `${run}/${revision}`).sort();
}

describe('assay schedule', () => {
  it('refuses a run file whose name would be the same each night', async () => {
    const plain = await scene.project({ chapters: 2 });
    const result = await plain.assay(...CREATE);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('{{date}}');
  });

  it('creates, lists and shows a schedule with its next starts', async () => {
    const created = await project.assay(...CREATE);
    expect(created.stderr).toMatch(/^store file:.*\n$/);
    expect(created.code).toBe(0);
    const listed = await project.json<Schedule[]>('schedule', 'list');
    expect(listed.map(({ id }) => id)).toEqual(['nightly']);
    const { nextMs, ...rest } = await show();
    expect(rest).toMatchObject({ run: 'nightly-{{date}}', when: ['0 19 * * *'], timeZone: ZONE, paused: false });
    const hours = nextMs.map((ms) =>
      new Intl.DateTimeFormat('en', { timeZone: ZONE, hour: 'numeric', hour12: false }).format(ms),
    );
    expect(new Set(hours)).toEqual(new Set(['19']));
    const wrong = await project.assay('schedule', 'create', 'run.yaml', '--cron', '61 * * * *', '--id', 'wrong');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('Expected times that Temporal takes, found 61 * * * *:');
    const again = await project.assay(...CREATE);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('There is a schedule "nightly" already');
    // A week later its template is still there, and what the refused attempt stored is not kept.
    const store = await project.openStore();
    const { keys } = await planGarbage(store, { nowMs: Date.now() + 7 * 24 * 3600_000 });
    expect(keys).toEqual([]);
    expect(await listAll(store, 'schedules/nightly/')).toHaveLength(1);
  }, 60_000);

  it('backfills two past days, the end not included, under the names of their own dates', async () => {
    const { times } = await project.json<{ times: number[] }>(
      ...['schedule', 'backfill', 'nightly', '--from', '2026-01-05', '--to', '2026-01-07'],
    );
    expect(times).toEqual([Date.UTC(2026, 0, 5), Date.UTC(2026, 0, 6)]);
    for (const run of ['nightly-2026-01-04', 'nightly-2026-01-05'])
      await untilStatus(project, ({ state }) => state === 'completed', { run, seconds: 60 });
    await sleep(3000);
    expect(await runNames()).toEqual(['nightly-2026-01-04/1', 'nightly-2026-01-05/1']);
    expect((await show()).recent).toHaveLength(2);
  }, 120_000);

  it('does nothing for days whose runs are complete', async () => {
    const before = await project.json('logs', 'nightly-2026-01-04');
    await project.json(...['schedule', 'backfill', 'nightly', '--from', '2026-01-05', '--to', '2026-01-07']);
    for (let waited = 0; (await show()).recent.length < 4 && waited < 30_000; waited += 500) await sleep(500);
    await sleep(3000);
    expect((await show()).recent).toHaveLength(4);
    expect(await runNames()).toEqual(['nightly-2026-01-04/1', 'nightly-2026-01-05/1']);
    expect(await project.json('logs', 'nightly-2026-01-04')).toEqual(before);
  }, 90_000);

  it('pauses and goes on', async () => {
    expect((await project.assay('schedule', 'pause', 'nightly')).code).toBe(0);
    expect((await show()).paused).toBe(true);
    expect((await project.assay('schedule', 'unpause', 'nightly')).code).toBe(0);
    expect((await show()).paused).toBe(false);
  }, 60_000);

  it('starts a run now when triggered, under the date of now in its zone', async () => {
    const dateOf = (ms: number): string =>
      new Intl.DateTimeFormat('en-CA', { timeZone: ZONE, dateStyle: 'short' }).format(ms);
    const before = dateOf(Date.now());
    expect((await project.assay('schedule', 'trigger', 'nightly')).code).toBe(0);
    // Midnight in New York may pass between the two.
    const run = `nightly-${before === dateOf(Date.now()) ? before : dateOf(Date.now())}`;
    const { stages } = await untilStatus(project, ({ state }) => state === 'completed', { run });
    expect(stages.length).toBeGreaterThan(2);
  }, 90_000);

  it('deletes a schedule and keeps its runs; then says that there is none', async () => {
    const runs = await runNames();
    expect((await project.assay('schedule', 'delete', 'nightly')).code).toBe(0);
    expect(await project.json('schedule', 'list')).toEqual([]);
    expect(await listAll(await project.openStore(), 'schedules/')).toEqual([]);
    expect(await runNames()).toEqual(runs);
    const gone = await project.assay('schedule', 'trigger', 'nightly');
    expect(gone.code).toBe(2);
    expect(gone.stderr).toContain('There is no schedule "nightly"');
  }, 60_000);
});
