// Row 9 of the bench: the share of the demo's time in which no activity plans, reads, computes, writes or compacts although
// work is pending. Temporal itself recorded when each activity began and ended; a run has work pending from start to end.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { packageRoot } from '../../runtime/package-root.js';
import { WORKFLOWS } from '../../schemas/orchestration.js';
import { meets, type BenchRow } from '../row.js';
import { runAssay } from './assay-process.js';

export interface IdleOptions {
  /** Documents of each part; the default is the whole demo. */
  readonly limit?: number;
}

const MUST = '<= 5';
/** Activities that do the work of a stage; writing down that something happened is orchestration. */
const WORKING = new Set(['planStage', 'runLot', 'publishStage', 'prepareScheduledRun']);

export type Interval = readonly [fromMs: number, toMs: number];

/** Row 9. */
export async function benchIdle(log: (text: string) => void, { limit }: IdleOptions = {}): Promise<BenchRow[]> {
  const cwd = await mkdtemp(path.join(tmpdir(), 'assay-bench-idle-'));
  const runFile = path.join(packageRoot(), 'examples', 'kjv', 'run.yaml');
  const limited = limit === undefined ? [] : ['--limit', String(limit)];
  try {
    await runAssay(['up'], { cwd });
    try {
      log('running the demo');
      const store = `file://${cwd}/data`;
      await runAssay(['--store', store, 'run', runFile, ...limited, '--follow'], { cwd });
      const { wall, busy } = await recordedIntervals(await addressOf(cwd));
      return [rowOf(wall, busy, limit)];
    } finally {
      await runAssay(['down'], { cwd });
    }
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

function rowOf(wall: Interval, busy: readonly Interval[], limit: number | undefined): BenchRow {
  const total = wall[1] - wall[0];
  const value = ((total - coveredMs(busy, wall)) / total) * 100;
  return {
    row: 9,
    what: 'orchestration: time without a working activity on the demo, % of wall time',
    ...{ value, must: MUST, met: meets(value, MUST) },
    conditions: `${limit === undefined ? 'the whole demo' : `${limit} documents of the demo`}, ${busy.length} activities, ${(total / 1000).toFixed(1)} s from start to end of the workflow, one worker, times as Temporal recorded them`,
  };
}

/** Milliseconds of `within` that at least one interval covers. */
export function coveredMs(intervals: readonly Interval[], within: Interval): number {
  const sorted = [...intervals].sort((a, b) => a[0] - b[0]);
  let covered = 0;
  let upTo = within[0];
  for (const [from, to] of sorted) {
    const end = Math.min(to, within[1]);
    if (end <= upTo) continue;
    covered += Math.max(0, end - Math.max(from, upTo));
    upTo = Math.max(upTo, end);
  }
  return covered;
}

async function addressOf(cwd: string): Promise<string> {
  const text = await readFile(path.join(cwd, '.assay', 'config.json'), 'utf8');
  return (JSON.parse(text) as { temporal: { address: string } }).temporal.address;
}

interface Recorded {
  readonly wall: Interval;
  readonly busy: readonly Interval[];
}

/** Start and end of the run's workflow, and of every working activity of it and its child workflows. */
async function recordedIntervals(address: string): Promise<Recorded> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection });
    const busy: Interval[] = [];
    let wall: Interval | null = null;
    for await (const { workflowId, runId, type, startTime, closeTime } of client.workflow.list()) {
      if (type === WORKFLOWS.run) wall = [startTime.getTime(), closeTime?.getTime() ?? Date.now()];
      busy.push(...activitiesOf(await client.workflow.getHandle(workflowId, runId).fetchHistory()));
    }
    if (wall === null) throw new RangeError('Expected the workflow of the run, found none.');
    return { wall, busy };
  } finally {
    await connection.close();
  }
}

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

function activitiesOf({ events }: History): Interval[] {
  const names = new Map<string, string>();
  const started = new Map<string, number>();
  const intervals: Interval[] = [];
  for (const event of events ?? []) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) names.set(String(event.eventId), scheduled.activityType?.name ?? '');
    const start = event.activityTaskStartedEventAttributes;
    if (start) started.set(String(start.scheduledEventId), timeOf(event));
    const end =
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes ??
      event.activityTaskCanceledEventAttributes;
    const id = String(end?.scheduledEventId);
    const from = started.get(id);
    if (end && from !== undefined && WORKING.has(names.get(id) ?? '')) intervals.push([from, timeOf(event)]);
  }
  return intervals;
}

function timeOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + (eventTime?.nanos ?? 0) / 1e6;
}
