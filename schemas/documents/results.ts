// The documents that commands print with --json, one schema each; docs/cli.md lists them. Fields may be added, never renamed.
import { z } from 'zod';
import {
  controlDocument,
  doctorDocument,
  downDocument,
  explainDocument,
  logsDocument,
  planDocument,
  quarantineDocument,
  rmDocument,
  runsDocument,
  scheduleActionDocument,
  scheduleDocument,
  schedulesDocument,
  startedDocument,
  statusDocument,
  upDocument,
  workerDocument,
} from './runs.js';
import { splitName } from '../records.js';

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Any command that fails. */
export const errorDocument = z.strictObject({
  error: z.strictObject({
    class: z
      .string()
      .describe('InputError, DataError, ResourceError, TransientError, or the name of an unexpected one'),
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
  damage: z.array(z.strictObject({ key: z.string(), table: z.string(), shard: z.string(), problem: z.string() })),
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
      pos: count.describe('of the token on which the feature fires most strongly, within the document'),
      start: count.describe('pos of tokens[0]'),
      value: z.number(),
      tokens: z.array(z.string()),
      values: z.array(z.number()).describe("the feature's activation on each of `tokens`; 0 where it does not fire"),
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
      features: z.array(z.strictObject({ feature: count, value: z.number() })).describe('strongest first'),
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
  commits: count,
  objects: count.describe('data objects'),
  bytes: count.describe('of everything that is listed'),
  keys: z.array(z.string()).describe('what no run and no ref needs, in the order of removal'),
  removed: count.describe('0 without --apply'),
  spared: count.describe('listed, but taken into use before they were removed'),
});

export const modelInspectDocument = z.strictObject({
  file: z.string().describe('the ONNX file, or the folder whose graph was written'),
  family: z
    .string()
    .nullable()
    .describe('family whose graph was written for config.json and safetensors; null for a file'),
  digest: sha256.describe('identity of the model, external data included'),
  layers: count,
  width: count,
  vocabulary: count,
  positions: count
    .nullable()
    .describe('tokens that fit; null where no position table is visible and no config.json says it'),
  norm: z.enum(['pre', 'post']),
  inputs: z.array(z.string()),
  outputs: z.array(z.string()),
  opset: count,
  producer: z.string(),
  heads: count.nullable().describe('attention heads; null where not found or not the same everywhere'),
  kvHeads: count.nullable().describe('heads of keys and values'),
  dHead: count.nullable(),
  dMlp: count.nullable().describe('null also for a mixture of experts'),
  sites: z.array(
    z.strictObject({
      site: z.string(),
      tensor: z.string().describe('what it is seen in'),
      width: count.describe('size of the last axis; 0 where it varies'),
      axes: z.array(z.string()),
      shape: z.array(z.union([count, z.string()])).describe('sizes of the axes'),
    }),
  ),
  unchecked: z
    .string()
    .nullable()
    .describe("why the sites' equations were not checked; null where they hold for all listed"),
  unresolved: z
    .array(z.strictObject({ site: z.string(), reason: z.string() }))
    .describe('sites of a kind that the model should have but that are not certain'),
});

export const modelRunDocument = z.strictObject({
  model: z.string(),
  file: z.string().describe('the safetensors file that was written'),
  tensors: z.array(z.strictObject({ name: z.string(), dtype: z.string(), shape: z.array(count) })),
});

const modelTensor = z.strictObject({
  name: z.string(),
  dtype: z.string(),
  shape: z.array(z.union([count, z.string()])).describe('sizes, or names where they vary'),
});

export const modelVjpDocument = z.strictObject({
  model: z.string(),
  file: z.string().describe('the ONNX file that was written'),
  data: z.string().nullable().describe('the file with large weights beside it; null: all inside'),
  bytes: count.describe('of both'),
  nodes: count,
  inputs: z.array(modelTensor),
  outputs: z.array(modelTensor),
});

/** The document of every command, by its name on the command line. */
const splitLoss = z
  .strictObject({
    loss: z.number().describe('mean, nats per target token'),
    tokens: count.describe('target tokens that it is the mean of'),
  })
  .nullable();

export const modelTrainDocument = z.strictObject({
  training: z.string(),
  revision: count,
  store: z.string(),
  dryRun: z.boolean(),
  finished: z.boolean().describe('false: interrupted; the same command goes on'),
  models: z.array(
    z.strictObject({
      model: z.string(),
      key: sha256.nullable().describe('null: known only after the streams of tokens'),
      state: z.enum(['open', 'done', 'failed']),
      architecture: z.string(),
      parameters: count,
      steps: count,
      tokens: count.describe('target tokens of the whole training'),
      memoryBytes: count.describe('estimated, of the compute child'),
      step: count.describe('of the last checkpoint, or all steps'),
      losses: z.strictObject({ fit: splitLoss, calib: splitLoss, test: splitLoss }),
      dataset: z.string(),
      digest: sha256.nullable().describe('of the dataset; null while it is not done'),
      error: z
        .strictObject({
          class: z.string(),
          message: z.string(),
          details: z.record(z.string(), z.unknown()),
        })
        .nullable(),
    }),
  ),
  written: z.array(z.string()).describe('folders that --out wrote'),
});

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
  'model train': modelTrainDocument,
  'model vjp': modelVjpDocument,
} as const satisfies Record<string, z.ZodType>;
