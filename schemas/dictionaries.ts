// Dictionaries as records hold them: names of their kinds, and the settings of one with every default filled in.
import { z } from 'zod';
import { inputTransform } from './taken.js';

/** As the run file writes them. Each has a row in core/dictionaries/architectures.ts. */
export const ARCHITECTURE_NAMES = ['topk', 'relu', 'batchtopk', 'jumprelu', 'gated', 'matryoshka'] as const;
export type ArchitectureName = (typeof ARCHITECTURE_NAMES)[number];

const count = z.number().int().nonnegative();
const positive = z.number().int().positive();
const share = z.number().min(0).max(1);

/** Settings that only some kinds use. */
export const kindFields = {
  k: positive.optional(),
  sparsity: z.number().positive().optional(),
  l0: z.number().positive().optional(),
  prefixes: z.array(positive).min(1).readonly().optional(),
  bandwidth: z.number().positive().optional(),
  threshold: z.number().nonnegative().optional(),
  inputTransform: inputTransform.optional(),
};

/** How the features of one dictionary are divided among experts. */
export const ROUTED_KINDS = ['frozen', 'learned'] as const;
export const routedFields = z.strictObject({
  experts: positive.min(2).describe('parts of equal size that the features are divided into; a token is seen by one'),
  kind: z.enum(ROUTED_KINDS).describe('frozen: clusters found before training; learned: a router trained with them'),
  balance: z
    .number()
    .nonnegative()
    .optional()
    .describe('learned: weight of the loss that keeps experts equally busy; default 0.01'),
});
export type Routed = z.infer<typeof routedFields>;

export const CANDIDATES = ['exact', 'int8'] as const;
/** Why a training with candidates in 8 bits has exact ones from a step on. */
export const EXACT_BECAUSE = ['recall', 'processor'] as const;
export type ExactBecause = (typeof EXACT_BECAUSE)[number];
export const MOMENTS = ['full', 'row'] as const;

/**
 * No defaults here: a stored setting is what was used, and enters the training's key as it stands. A setting that came later than
 * others is left out where it says nothing: no skip, no routing, one slice, exact candidates, full moments.
 */
export const storedSettings = z.strictObject({
  architecture: z.enum(ARCHITECTURE_NAMES),
  features: positive.describe('of a cross-layer dictionary: of each layer'),
  ...kindFields,
  skip: z.literal(true).optional(),
  crossLayer: z.literal(true).optional(),
  routed: routedFields.optional(),
  slices: positive.min(2).optional(),
  candidates: z.literal('int8').optional(),
  moments: z.literal('row').optional(),
  tokens: positive,
  batchRows: positive,
  lr: z.number().positive(),
  warmupSteps: count,
  decayFraction: share,
  betas: z.tuple([share, share]).readonly(),
  epsilon: z.number().positive(),
  clipNorm: z.number().positive().nullable(),
  auxK: count,
  auxWeight: z.number().nonnegative(),
  deadAfterTokens: positive,
  logEverySteps: positive,
  seed: z.number().int(),
});
export type StoredSettings = z.infer<typeof storedSettings>;

/** A dictionary that was trained elsewhere: how it computes, and nothing of a training. */
export const takenSettings = z.strictObject({
  architecture: z.enum(ARCHITECTURE_NAMES),
  features: positive.describe('of a cross-layer dictionary: of each layer'),
  ...kindFields,
  skip: z.literal(true).optional(),
  crossLayer: z.literal(true).optional(),
});
export type TakenSettings = z.infer<typeof takenSettings>;
