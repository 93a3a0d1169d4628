// Edits that make another model of a model: what is changed at a site, as a user writes it (run file and `--edit` alike) and
// as it is resolved (tensors by digest, positions in order), which is the form that enters model references and keys.
import { z } from 'zod';

export const EDIT_OPS = ['set', 'scale', 'add', 'ablate'] as const;
export type EditOp = (typeof EDIT_OPS)[number];

/** `5`, `-1`, `3:7`, `:4`, `-4:`, and with a row of the value `5<-3`, `3:7<-0:4`. */
export const POSITIONS = /^(-?\d+|(-?\d+)?:(-?\d+)?)(<-(-?\d+|-?\d+:-?\d+))?$/;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const whole = z.number().int();

export const modelEdit = z
  .strictObject({
    site: z.string().min(1).describe('site, TransformerLens spelling; * matches any layer'),
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
export const resolvedEdit = z.strictObject({
  site: z.string(),
  op: z.enum(EDIT_OPS),
  value: z.union([z.number(), tensor]).optional(),
  factor: z.number().optional(),
  along: tensor.optional(),
  at: z.array(positionSpan).optional(),
  heads: z.array(whole).optional(),
});
export type ResolvedEdit = z.infer<typeof resolvedEdit>;
