// Sections that the files of users share: names, connections to stores, the corpus.
import { z } from 'zod';

const positive = z.number().int().positive();

/** A name that becomes part of dataset names and paths. */
export const plainName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, ".", "_" and "-" (at most 100)');

/** Where a configuration file's store lies. */
export const storeOptions = z
  .strictObject({
    endpoint: z.url().optional().describe('address of an S3-compatible store, e.g. http://127.0.0.1:9000; default AWS'),
    region: z.string().optional().describe('S3 region; default from the environment, else us-east-1'),
    pathStyle: z
      .boolean()
      .optional()
      .describe('address buckets as path, as MinIO needs; default true when an endpoint is given'),
    checksums: z
      .enum(['when_supported', 'when_required'])
      .default('when_supported')
      .describe('when the SDK sends and checks CRC32'),
  })
  .describe('Connection to the store. Credentials come from the environment or the SDK chain, never from here.');

const split = z.union([
  z.strictObject({
    field: z.string().describe('field of the document that holds fit, calib or test'),
  }),
  z
    .strictObject({
      fit: z.number().min(0).max(1).describe('share of documents for training'),
      calib: z.number().min(0).max(1).describe('share of documents for thresholds'),
      test: z.number().min(0).max(1).describe('share of documents for reported numbers'),
    })
    .refine((s) => Math.abs(s.fit + s.calib + s.test - 1) < 1e-9, 'the three shares must add up to 1'),
]);

/** The section `corpus` of a configuration file. */
export const corpusSection = z
  .strictObject({
    sources: z
      .array(z.string())
      .min(1)
      .describe(
        'files, folders, globs or s3:// prefixes, in order; each file (or folder of .txt files) is one part; a name that exists is no glob',
      ),
    format: z.enum(['auto', 'jsonl', 'txt', 'parquet']).default('auto').describe('auto decides by the file name'),
    id: z
      .string()
      .default('id')
      .describe(
        'field with the document id, text or a number; `outer.inner` for a nested one; records without it are named by path and row',
      ),
    text: z.string().default('text').describe('field with the text; `outer.inner` for a nested one'),
    split: split
      .default({ fit: 0.9, calib: 0.05, test: 0.05 })
      .describe('how documents are divided; by a keyed hash of the id, or by a field'),
    splitSeed: z
      .number()
      .int()
      .default(0)
      .describe('key of the hash that divides documents; not the run seed, so that runs agree'),
    shardTokens: positive
      .default(65_536)
      .describe('aimed size of a corpus shard, tokens (4 bytes of text counted as one)'),
    maxDocumentTokens: positive.default(1_000_000).describe('a longer document is bad'),
    onBadDocument: z
      .enum(['fail', 'skip'])
      .default('fail')
      .describe('fail: stop at the first bad document; skip: leave it out and count it'),
  })
  .describe('The text.');
