// Edits that make another model of a model: what is changed at a site or of a dictionary's feature, as a user writes it (run file
// and `--edit` alike) and as it is resolved (tensors and dictionaries by digest, positions in order), which is the form that enters
// model references and keys.
import { z } from 'zod';
import { ARCHITECTURE_NAMES, kindFields } from './dictionaries.js';

export const EDIT_OPS = ['set', 'scale', 'add', 'ablate'] as const;
export type EditOp = (typeof EDIT_OPS)[number];

/** `5`, `-1`, `3:7`, `:4`, `-4:`, and with a row of the value `5<-3`, `3:7<-0:4`. */
export const POSITIONS = /^(-?\d+|(-?\d+)?:(-?\d+)?)(<-(-?\d+|-?\d+:-?\d+))?$/;

/** `RUN/DICT#NUMBER`, or `DICT#NUMBER` where one run alone has it. */
export const FEATURE = /^([^/#\s]+\/)?[^/#\s]+#\d{1,9}$/;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const whole = z.number().int();

export const modelEdit = z
  .strictObject({
    site: z
      .string()
      .min(1)
      .optional()
      .describe('site, TransformerLens spelling; * matches any layer; either this or `feature`'),
    feature: z
      .string()
      .regex(FEATURE, 'RUN/DICT#NUMBER, as kjv/l2#77')
      .optional()
      .describe(
        'feature of a dictionary of this store, RUN/DICT#NUMBER: its value changes, what the dictionary does not explain stays',
      ),
    op: z
      .enum(EDIT_OPS)
      .describe(
        'set: x ← value; scale: x ← factor · x; add: x ← x + factor · value; ablate: x ← 0, or ← value (a mean)',
      ),
    value: z
      .union([z.number(), z.string().min(1)])
      .optional()
      .describe(
        "a number, or FILE#TENSOR of a safetensors file, relative to the run file; without #TENSOR the one named as the site. Shapes: [d], or the site's axes without batch",
      ),
    factor: z.number().optional().describe('the number c of scale and add; default 1 for add'),
    along: z
      .string()
      .min(1)
      .optional()
      .describe('FILE#TENSOR with a direction [d], made a unit vector: only the part of x along it changes'),
    at: z
      .array(z.union([whole, z.string().regex(POSITIONS, 'a position such as 5, -1, "3:7", "5<-3"')]))
      .min(1)
      .optional()
      .describe(
        'positions within a context, the prepended token counted, negative from its end, "3:7" without 7; "5<-3" takes row 3 of the value; default all',
      ),
    heads: z.array(whole.nonnegative()).min(1).optional().describe('heads, at sites that have them; default all'),
  })
  .describe('One edit; several apply in the order of the model, those at one site as listed.');
export type ModelEdit = z.infer<typeof modelEdit>;

/** Positions `from` ≤ p < `to` (null: the end); negative ones count from the end. `row` of the value belongs to `from`. */
const positionSpan = z.strictObject({ from: whole, to: whole.nullable(), row: whole.optional() });
export type PositionSpan = z.infer<typeof positionSpan>;

const tensor = z.strictObject({ tensor: sha256 });

/** One edit at one site; what it reads is named by content, so that equal edits have equal text. */
const resolvedSiteEdit = z.strictObject({
  site: z.string(),
  op: z.enum(EDIT_OPS),
  value: z.union([z.number(), tensor]).optional(),
  factor: z.number().optional(),
  along: tensor.optional(),
  at: z.array(positionSpan).optional(),
  heads: z.array(whole).optional(),
});
export type ResolvedSiteEdit = z.infer<typeof resolvedSiteEdit>;

/** One change of one feature's value. */
const featureChange = z.strictObject({
  feature: whole.nonnegative(),
  op: z.enum(EDIT_OPS),
  value: z.number().optional(),
  factor: z.number().optional(),
  at: z.array(positionSpan).optional(),
});
export type FeatureChange = z.infer<typeof featureChange>;

const places = z.array(whole.nonnegative()).min(1).readonly();

/** A dictionary as an edit carries it: its weights by content, and what its graph follows from. */
const editedDictionary = z.strictObject({
  digest: sha256.describe("of the dictionary's safetensors file"),
  architecture: z.enum(ARCHITECTURE_NAMES),
  features: whole.positive(),
  settings: z.strictObject(kindFields).describe('those that only some kinds use'),
  sites: z
    .strictObject({
      names: z.array(z.string()).min(1).readonly(),
      widths: z.array(whole.positive()).min(1).readonly(),
      reads: places,
      writes: places,
      skip: z.literal(true).optional(),
      crossLayer: z.literal(true).optional(),
    })
    .describe('every site once, and the places of what is read and what is written'),
});
export type EditedDictionary = z.infer<typeof editedDictionary>;

/** All edits of one dictionary's features: one change of the sites that it writes. Changes stand in the order of features. */
const resolvedFeatureEdit = z.strictObject({
  dictionary: editedDictionary,
  changes: z.array(featureChange).min(1),
});
export type ResolvedFeatureEdit = z.infer<typeof resolvedFeatureEdit>;

export const resolvedEdit = z.union([resolvedSiteEdit, resolvedFeatureEdit]);
export type ResolvedEdit = z.infer<typeof resolvedEdit>;

export function isFeatureEdit(edit: ResolvedEdit): edit is ResolvedFeatureEdit {
  return 'dictionary' in edit;
}
