// Settings of the profile stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things
// are; and the inputs of one item. Every table has settings, and so a key, of its own: a new or changed table recomputes no other.
import { z } from 'zod';
import { resolvedEdit } from '../../schemas/model-edits.js';
import { engineSettings, externalFile, storedFile } from '../../schemas/stored-shapes.js';

const count = z.number().int().nonnegative();

/** Which tokens have rows: as the activations were extracted. */
const rowRule = z.strictObject({
  contextTokens: count,
  prepended: z.boolean(),
  packing: z.enum(['document', 'concatenate']),
  dropPositions: z.array(count).readonly(),
  dropTokens: z.array(count).readonly(),
});
const of = {
  tableVersion: count.describe("raised whenever the table's bytes change; the others keep theirs"),
  indexKey: z.string(),
};

export const profileConfig = z.strictObject({
  keyed: z.discriminatedUnion('table', [
    z.strictObject({ table: z.literal('bands'), ...of, rows: rowRule }),
    z.strictObject({
      table: z.literal('promoted'),
      ...of,
      rows: rowRule,
      dictionary: z.string().describe("digest of the dictionary's safetensors file"),
      model: z.strictObject({ base: z.string(), edits: z.array(resolvedEdit).readonly() }),
      sites: z.string().describe('what the dictionary reads and writes'),
      engine: engineSettings,
    }),
    z.strictObject({
      table: z.literal('neighbours'),
      ...of,
      dictionary: z.string(),
      upTo: count.describe('features above which neighbours are left out'),
      engine: engineSettings,
    }),
  ]),
  aux: z.strictObject({
    name: z.string(),
    site: z.string(),
    features: count,
    writes: z
      .array(z.strictObject({ site: z.string(), width: count, tensor: z.string(), features: count }))
      .min(1)
      .readonly()
      .describe('the sites written in order, each with the decoder of its first so many features'),
    weights: storedFile,
    model: storedFile,
    external: z.array(externalFile).readonly(),
    editValues: z.array(storedFile).readonly().optional(),
    reference: z.string().describe("model reference of the activations, for the files' metadata"),
  }),
});
export type ProfileConfig = z.infer<typeof profileConfig>;
export type ProfileKeyed = ProfileConfig['keyed'];
export type ProfileTable = ProfileKeyed['table'];

/** A range of features of the pinned index. */
export interface ProfileInputs {
  readonly snapshot: string;
  readonly range: { readonly from: number; readonly to: number };
}
