// The documents of the commands about datasets and their bytes.
import { z } from 'zod';
import { leftOutList } from './left-out.js';

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

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

export const exportDocument = z.strictObject({
  dataset: z.string(),
  snapshot: count,
  folder: z.string(),
  files: z.array(z.strictObject({ path: z.string(), bytes: count, rows: count })),
  leftOut: leftOutList,
});

export const gcDocument = z.strictObject({
  applied: z.boolean(),
  commits: count,
  objects: count.describe('data objects'),
  bytes: count.describe('of everything that is listed'),
  keys: z.array(z.string()).describe('what no run, no ref and no schedule needs, in the order of removal'),
  foreign: z.array(z.string()).describe('files among them that are not of the layout: left, whoever put them there'),
  removed: count.describe('0 without --apply'),
  adopted: count.describe('listed, but taken into use before they were removed'),
  spared: count.describe(
    'objects that nothing needs, not listed because they are younger than 24 hours; not what came since a run at work began',
  ),
  sparedBytes: count.describe('of those'),
});
