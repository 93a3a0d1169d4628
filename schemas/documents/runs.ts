// The documents of the commands about runs, workers and schedules; schemas/documents/documents.ts has the table of all.
import { z } from 'zod';
import { STAGES } from '../stages.js';
import { splitName, stageName } from '../records.js';

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const timeMs = z.number().describe('milliseconds since the epoch');

export const RUN_STATES = [
  ...(['running', 'paused', 'completed', 'failed', 'cancelled'] as const),
  ...(['unknown', 'damaged', 'removing'] as const),
] as const;
export const runState = z
  .enum(RUN_STATES)
  .describe(
    'by the last event; unknown: no event was written yet; damaged: its events cannot be trusted; removing: what an `rm` left that was interrupted, or that came before the run ended',
  );

export const runsDocument = z.array(
  z.strictObject({
    run: z.string(),
    revision: count,
    state: runState,
    stage: stageName.nullable().describe('the stage that was last reported'),
    startedMs: timeMs.nullable(),
    changedMs: timeMs.nullable().describe('time of the last event'),
    beatAgeSeconds: z.number().nullable().describe('since a worker last gave a sign of life'),
  }),
);

export const statusDocument = z.strictObject({
  run: z.string(),
  revision: count,
  state: runState,
  reason: z.string().nullable().describe('why it is paused or failed'),
  startedMs: timeMs.nullable(),
  changedMs: timeMs.nullable(),
  beatAgeSeconds: z.number().nullable(),
  beat: z
    .strictObject({
      atMs: timeMs,
      stage: stageName.nullable(),
      progress: z.record(z.string(), z.unknown()).describe('tokens, rows or step of the lot in hand'),
    })
    .nullable()
    .describe('the latest sign of life of a worker'),
  signOfLife: z.boolean().describe('false: the run is active and no worker gave a sign of life for 60 s'),
  stages: z.array(
    z.strictObject({
      stage: stageName,
      dataset: z.string(),
      key: sha256.nullable().describe('null: known only after an earlier stage'),
      done: count.describe('commits'),
      planned: count.nullable(),
      quarantined: count,
      rows: count.nullable().describe('rows of the latest snapshot'),
    }),
  ),
});

/** `status SUITE`. */
export const suiteStatusDocument = z.strictObject({
  suite: z.string(),
  revision: count,
  state: runState,
  reason: z.string().nullable().describe('why it is paused or failed'),
  startedMs: timeMs.nullable(),
  changedMs: timeMs.nullable(),
  counts: z.record(z.string(), count).describe('runs by state; waiting: not begun'),
  members: z.array(
    z.strictObject({
      run: z.string(),
      state: z.enum(['waiting', ...RUN_STATES]),
      stage: stageName.nullable().describe('the stage that was last reported'),
      reason: z.string().nullable().describe('why it is paused or failed'),
    }),
  ),
});

/** `plan SUITE.yaml`. */
export const suitePlanDocument = z.strictObject({
  suite: z.string(),
  parallel: count,
  members: z.array(
    z.strictObject({
      run: z.string(),
      steps: count,
      missing: count.nullable().describe('items that are not stored yet, as far as they are known'),
      bytes: count.nullable(),
      seconds: z.number().nullable(),
    }),
  ),
});

export const logsDocument = z.strictObject({
  run: z.string(),
  revision: count,
  events: z.array(
    z.strictObject({
      n: count,
      atMs: timeMs,
      type: z.string(),
      data: z.record(z.string(), z.unknown()),
    }),
  ),
});

export const quarantineDocument = z.strictObject({
  run: z.string(),
  revision: count,
  shards: z.array(
    z.strictObject({
      stage: stageName,
      shard: z.string(),
      split: splitName.nullable(),
      errorClass: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
      attempts: count,
      atMs: timeMs,
      key: sha256,
      input: sha256,
    }),
  ),
});

export const explainDocument = z.strictObject({
  run: z.string(),
  revision: count,
  against: count.nullable().describe('the revision that it is compared with; null where there is no earlier one'),
  sources: z
    .array(z.strictObject({ location: z.string(), change: z.enum(['new', 'other', 'gone']) }))
    .describe('of the corpus, that differ; other: other bytes at the same place'),
  stages: z.array(
    z.strictObject({
      stage: stageName,
      dataset: z.string(),
      key: sha256.nullable(),
      before: sha256.nullable(),
      same: z.boolean().describe('the keys; where they are, what is computed already is taken'),
      input: z
        .enum(['same', 'other'])
        .nullable()
        .describe('what the key works on; null: not planned yet by one of the two'),
      changes: z
        .array(z.strictObject({ field: z.string(), before: z.unknown(), after: z.unknown() }))
        .describe('fields of the key that differ'),
      config: z.unknown().describe('everything that the key was made of'),
    }),
  ),
});

export const rmDocument = z.strictObject({
  run: z.string(),
  datasets: z.array(z.string()).describe('datasets that no longer have a name; `gc` frees what nothing else uses'),
  records: count.describe('records deleted'),
});

/** Why a run did not come to its end. */
const runFailure = z.strictObject({
  class: z.string().nullable().describe('of the error; null: it was not stored, or the run was paused'),
  stage: stageName.nullable(),
  step: z.string().nullable().describe('the stage, or stage@subject'),
  key: sha256.nullable().describe('of what the step makes, where it is known'),
  message: z.string(),
  remedy: z.string().describe('what to do next'),
  details: z.record(z.string(), z.unknown()).describe('of the error, such as file and line'),
});

/** `run`, `resume`: what was started or joined, and with --follow how it ended. */
export const startedDocument = z.strictObject({
  run: z.string(),
  revision: count,
  workflow: z.string(),
  store: z.string(),
  joined: z.boolean().describe('the run was alive already'),
  state: runState,
  failure: runFailure.nullable().describe('with --follow: why it failed, paused or was cancelled'),
  web: z.string().nullable().describe("the run's page of Temporal's web interface"),
  recomputed: z
    .strictObject({ shards: count, different: count.describe('those that differ from what is stored') })
    .optional()
    .describe('of mode `all`, once it is complete: what was computed anew, and compared where a commit was there'),
});

/** `pause`, `unpause`, `cancel`, `set`. */
export const controlDocument = z.strictObject({
  run: z.string(),
  action: z.enum(['pause', 'unpause', 'cancel', 'set']),
  window: count.optional(),
  tolerance: z.number().optional(),
});

export const upDocument = z.strictObject({
  store: z.string(),
  temporal: z.string(),
  web: z.string().nullable(),
  workers: z.array(z.strictObject({ pid: count, queues: z.array(z.string()) })),
});

export const downDocument = z.strictObject({
  stopped: z.array(z.strictObject({ name: z.string(), pid: count })),
});

export const doctorDocument = z.strictObject({
  ok: z.boolean(),
  checks: z.array(
    z.strictObject({
      name: z.string(),
      ok: z.boolean(),
      found: z.string(),
      remedy: z.string().nullable(),
    }),
  ),
});

export const planDocument = z.strictObject({
  run: z.string(),
  exact: z.boolean(),
  stages: z.array(
    z.strictObject({
      stage: z.enum(STAGES),
      step: z.string().describe('the step that makes it: the stage, or stage@subject'),
      dataset: z.string(),
      key: sha256.nullable(),
      known: z
        .boolean()
        .describe(
          'what the step reads is in the store whole: the counts are those of the run; else planned is an estimate',
        ),
      planned: count.nullable(),
      cached: count.nullable().describe('committed already, by whatever run; null: known only after an earlier step'),
      quarantined: count.nullable().describe('left out by `run`; see `resume --mode errored`'),
      missing: count.nullable().describe('what the run would do'),
      lots: count.nullable(),
      bytes: count.nullable().describe('of what the step has yet to do, on its first dataset; null on the others'),
      seconds: z.number().nullable().describe('likewise'),
    }),
  ),
});

const schedule = z.strictObject({
  id: z.string(),
  run: z.string().describe("the run file's name, with its placeholders"),
  when: z.array(z.string()),
  timeZone: z.string(),
  paused: z.boolean(),
  nextMs: z.array(timeMs),
  recent: z.array(z.strictObject({ scheduledMs: timeMs, workflow: z.string() })),
});

export const schedulesDocument = z.array(schedule);
export const scheduleDocument = schedule;

/** `schedule create | pause | unpause | trigger | backfill | delete`. */
export const scheduleActionDocument = z.strictObject({
  id: z.string(),
  action: z.enum(['create', 'pause', 'unpause', 'trigger', 'backfill', 'delete']),
  times: z.array(timeMs).optional().describe('times that a backfill starts'),
});

/** `worker`, when it has stopped. */
export const workerDocument = z.strictObject({
  queues: z.array(z.string()),
  reason: z.string(),
});
