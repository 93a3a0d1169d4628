// The documents of the commands that take dictionaries from the files of other programs and write such files.
import { z } from 'zod';
import { inputTransform, TAKEN_FORMATS } from '../taken.js';

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const sites = z.array(z.string()).readonly().nullable();

export const saeImportDocument = z.strictObject({
  path: z.string(),
  stored: z.boolean().describe('false: it was only looked at'),
  dictionaries: z.array(
    z.strictObject({
      path: z.string(),
      dataset: z.string().nullable().describe('RUN/DICT/weights; null where it was only looked at'),
      sha256: sha256.nullable().describe("digest of the stored file: the dictionary's identity"),
      layer: count.nullable().describe('of a member of a set'),
      format: z.enum(TAKEN_FORMATS),
      architecture: z.string(),
      features: count.describe('of a cross-layer dictionary: of each layer'),
      k: count.nullable(),
      skip: z.boolean(),
      crossLayer: z.boolean(),
      inputTransform: inputTransform.nullable(),
      reads: sites.describe('sites; null where the files do not say them'),
      writes: sites,
      readWidths: z.array(count).readonly(),
      writeWidths: z.array(count).readonly(),
      source: z.strictObject({
        kind: z.string().describe("the source's own word"),
        model: z.string().nullable(),
        contextTokens: z.number().nullable(),
        prepended: z.boolean().nullable(),
        dtype: z.string(),
      }),
      tensors: z.array(z.strictObject({ name: z.string(), shape: z.array(count).readonly() })),
      notes: z.array(z.string()).readonly().describe('what was folded, changed or left behind'),
    }),
  ),
});

export const saeExportDocument = z.strictObject({
  dictionary: z.string(),
  format: z.string(),
  kind: z.string().describe("the format's own word"),
  folder: z.string(),
  files: z.array(z.strictObject({ path: z.string(), sha256, bytes: count })),
  notes: z.array(z.string()).readonly().describe('what the format could not hold'),
});
