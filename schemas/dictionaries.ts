// Dictionaries as records hold them: names of their kinds, and the settings of one with every default filled in.
import { z } from 'zod';

/** As the run file writes them. Each has a row in core/dictionaries/architectures.ts. */
export const ARCHITECTURE_NAMES = ['topk', 'relu'] as const;
export type ArchitectureName = (typeof ARCHITECTURE_NAMES)[number];

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();

/** Settings that only some kinds use. */
export const kindFields = { k: positive.optional(), sparsity: z.number().positive().optional() };

/** No defaults here: a stored setting is what was used, and enters the training's key as it stands. */
export const storedSettings = z.strictObject({
  architecture: z.enum(ARCHITECTURE_NAMES),
  features: positive,
  ...kindFields,
  tokens: positive,
  batchRows: positive,
  lr: z.number().positive(),
  warmupSteps: count,
  decayFraction: z.number().min(0).max(1),
  betas: z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]),
  epsilon: z.number().positive(),
  clipNorm: z.number().positive().nullable(),
  auxK: count,
  auxWeight: z.number().nonnegative(),
  deadAfterTokens: positive,
  logEverySteps: positive,
  seed: z.number().int(),
});
export type StoredSettings = z.infer<typeof storedSettings>;
