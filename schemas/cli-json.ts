// The documents that commands print with --json, one schema each; docs/cli.md lists them. Fields may be added, never renamed.
import { z } from 'zod';
import { STAGES } from './constants.js';
import { splitName, stageName } from './records.js';

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const timeMs = z.number().describe('milliseconds since the epoch');

/** Any command that fails. */
export const errorDocument = z.strictObject({
  error: z.strictObject({
    class: z
      .string()
      .describe(
        'InputError, DataError, ResourceError, TransientError, or the name of an unexpected one',
      ),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
  }),
});

export const datasetsDocument = z.array(
  z.strictObject({
    name: z.string(),
    table: z.string(),
    digest: sha256,
    rows: count,
    bytes: count,
    snapshot: count.describe('version of the pinned snapshot'),
  }),
);

export const describeDocument = z.strictObject({
  dataset: z.string(),
  digest: sha256,
  snapshot: count,
  rows: count,
  objects: z.array(
    z.strictObject({
      key: z.string(),
      sha256,
      bytes: count,
      rows: count,
      table: z.string(),
      shard: z.string(),
    }),
  ),
});

export const verifyDocument = z.strictObject({
  dataset: z.string(),
  snapshot: count,
  ok: z.boolean(),
  objects: count.describe('objects read and hashed'),
  bytes: count,
  digest: sha256.describe('rebuilt from the bytes that were read'),
  expected: sha256.describe('as the snapshot states it'),
  damage: z.array(
    z.strictObject({ key: z.string(), table: z.string(), shard: z.string(), problem: z.string() }),
  ),
});

const coverage = z
  .strictObject({ shards: count, planned: count.nullable() })
  .describe('present while the dataset still grows: how much of it the answer rests on');

export const topDocument = z.strictObject({
  dict: z.string(),
  feature: count,
  n: count.describe('rows on which the feature fires'),
  density: z.number().describe('n / stored rows'),
  examples: z.array(
    z.strictObject({
      doc: count,
      docId: z.string(),
      split: splitName,
      pos: count.describe(
        'of the token on which the feature fires most strongly, within the document',
      ),
      start: count.describe('pos of tokens[0]'),
      value: z.number(),
      tokens: z.array(z.string()),
      values: z
        .array(z.number())
        .describe("the feature's activation on each of `tokens`; 0 where it does not fire"),
    }),
  ),
  coverage: coverage.optional(),
});

export const findDocument = z.strictObject({
  dict: z.string(),
  site: z.string(),
  text: z.string(),
  tokens: z.array(
    z.strictObject({
      pos: count,
      id: count,
      start: count.describe('first code point of the token in the text'),
      end: count,
      token: z.string(),
      stored: z.boolean().describe('false for positions that the run drops'),
      features: z
        .array(z.strictObject({ feature: count, value: z.number() }))
        .describe('strongest first'),
    }),
  ),
});

export const sqlDocument = z.strictObject({
  columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
  rows: z
    .array(z.array(z.unknown()))
    .describe('one list per row, in the order of `columns`; whole numbers beyond 2^53 as text'),
  coverage: z
    .array(
      z.strictObject({
        table: z.string(),
        dataset: z.string(),
        shards: count,
        planned: count.nullable(),
      }),
    )
    .describe('tables that the query names and whose dataset still grows'),
});

export const exportDocument = z.strictObject({
  dataset: z.string(),
  snapshot: count,
  folder: z.string(),
  files: z.array(z.strictObject({ path: z.string(), bytes: count, rows: count })),
});

export const gcDocument = z.strictObject({
  applied: z.boolean(),
  garbage: z
    .array(z.strictObject({ key: z.string(), bytes: count }))
    .describe('what is (or would be) deleted'),
  bytes: count,
  spared: count.describe('objects without a root that are younger than 24 hours'),
  live: count,
});

export const modelInspectDocument = z.strictObject({
  file: z.string(),
  layers: count,
  width: count,
  vocabulary: count,
  inputs: z.array(z.string()),
  outputs: z.array(z.string()),
  opset: count.nullable(),
  sites: z.array(z.strictObject({ site: z.string(), tensor: z.string(), width: count })),
});

export const modelRunDocument = z.strictObject({
  model: z.string(),
  file: z.string().describe('the safetensors file that was written'),
  tensors: z.array(z.strictObject({ name: z.string(), dtype: z.string(), shape: z.array(count) })),
});

export const RUN_STATES = [
  'running',
  'paused',
  'completed',
  'failed',
  'cancelled',
  'unknown',
] as const;
export const runState = z
  .enum(RUN_STATES)
  .describe('by the last event; unknown: no event was written yet');

export const runsDocument = z.array(
  z.strictObject({
    run: z.string(),
    revision: count,
    state: runState,
    stage: z.enum(STAGES).nullable().describe('the stage that was last reported'),
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
  signOfLife: z
    .boolean()
    .describe('false: the run is active and no worker gave a sign of life for 60 s'),
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
  against: count
    .nullable()
    .describe('the revision that it is compared with; null where there is no earlier one'),
  stages: z.array(
    z.strictObject({
      stage: stageName,
      dataset: z.string(),
      key: sha256.nullable(),
      before: sha256.nullable(),
      same: z.boolean(),
      changes: z
        .array(z.strictObject({ field: z.string(), before: z.unknown(), after: z.unknown() }))
        .describe('fields of the key that differ'),
      config: z.unknown().describe('everything that the key was made of'),
    }),
  ),
});

export const rmDocument = z.strictObject({
  run: z.string(),
  datasets: z
    .array(z.string())
    .describe('datasets that no longer have a name; `gc` frees what nothing else uses'),
  records: count.describe('records deleted'),
});

/** `run`, `resume`: what was started or joined, and with --follow how it ended. */
export const startedDocument = z.strictObject({
  run: z.string(),
  revision: count,
  workflow: z.string(),
  store: z.string(),
  joined: z.boolean().describe('the run was alive already'),
  state: runState,
  web: z.string().nullable().describe("the run's page of Temporal's web interface"),
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
      stage: stageName,
      dataset: z.string(),
      key: sha256.nullable(),
      planned: count.nullable(),
      cached: count.nullable(),
      missing: count.nullable(),
      lots: count.nullable(),
      bytes: count.nullable(),
      seconds: z.number().nullable(),
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

/** The document of every command, by its name on the command line. */
export const CLI_DOCUMENTS = {
  up: upDocument,
  down: downDocument,
  doctor: doctorDocument,
  plan: planDocument,
  run: startedDocument,
  resume: startedDocument,
  runs: runsDocument,
  status: statusDocument,
  logs: logsDocument,
  quarantine: quarantineDocument,
  explain: explainDocument,
  rm: rmDocument,
  pause: controlDocument,
  unpause: controlDocument,
  cancel: controlDocument,
  set: controlDocument,
  'schedule create': scheduleActionDocument,
  'schedule list': schedulesDocument,
  'schedule show': scheduleDocument,
  'schedule pause': scheduleActionDocument,
  'schedule unpause': scheduleActionDocument,
  'schedule trigger': scheduleActionDocument,
  'schedule backfill': scheduleActionDocument,
  'schedule delete': scheduleActionDocument,
  worker: workerDocument,
  datasets: datasetsDocument,
  describe: describeDocument,
  verify: verifyDocument,
  top: topDocument,
  find: findDocument,
  sql: sqlDocument,
  export: exportDocument,
  gc: gcDocument,
  'model inspect': modelInspectDocument,
  'model run': modelRunDocument,
} as const satisfies Record<string, z.ZodType>;
