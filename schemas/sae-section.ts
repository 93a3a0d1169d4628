// One entry of `saes` in a run file: a dictionary to train, or a sweep of them. Every field has a description, a unit and a
// default where one is sensible; what ties fields together is judged by pipeline/files/dictionary-rules.ts.
import { z } from 'zod';
import { TAKEN_FORMATS } from './taken.js';
import { ARCHITECTURE_NAMES, CANDIDATES, MOMENTS, kindFields, routedFields } from './dictionaries.js';

const positive = z.number().int().positive();
const share = z.number().min(0).max(1);
const several = <Item extends z.ZodType>(item: Item) => z.array(item).min(1);

/** Dataset names that a dictionary may not take. */
export const RESERVED_NAMES = ['documents', 'tokens', 'activations', 'models', 'graphs', 'evidence'] as const;

/** A plain name, or one with placeholders of a sweep. */
const name = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9]|\{\{[A-Za-z0-9]+\}\})(?:[A-Za-z0-9._-]|\{\{[A-Za-z0-9]+\}\}){0,99}$/,
    'letters, digits, ".", "_" and "-" (at most 100)',
  )
  .refine((n) => !(RESERVED_NAMES as readonly string[]).includes(n), `must not be one of ${RESERVED_NAMES.join(', ')}`);

const architecture = z.enum(ARCHITECTURE_NAMES);
const rate = z.number().positive();
const sparsity = z.number().positive();
const auxK = z.number().int().nonnegative();

/** Fields that a sweep may vary. */
const sweep = z.strictObject({
  architecture: several(architecture).optional(),
  features: several(positive).optional(),
  k: several(positive).optional(),
  sparsity: several(sparsity).optional(),
  l0: several(z.number().positive()).optional(),
  tokens: several(positive).optional(),
  batchRows: several(positive).optional(),
  lr: several(rate).optional(),
  auxK: several(auxK).optional(),
  seed: several(z.number().int()).optional(),
});

const siteList = z.union([z.string(), several(z.string())]);

/** One dictionary to train, or one that was trained elsewhere. */
export const saeSection = z.strictObject({
  name: name.describe('name of the dictionary; the one of a sweep holds each swept field as {{field}}'),
  from: z
    .string()
    .optional()
    .describe(
      'folder or file of a dictionary that was trained elsewhere, relative to the run file; it is applied as it is, and takes no field but name, format and sites; a folder with one dictionary per layer makes name.0, name.1 …',
    ),
  format: z
    .enum(['auto', ...TAKEN_FORMATS])
    .optional()
    .describe('whose files `from` names; default auto: told by what is in them'),
  hook: z
    .string()
    .optional()
    .describe(
      'the site that it reads and writes; or give `reads` and `writes`; with `from` only where its files do not say it',
    ),
  reads: siteList.optional().describe('the site that it reads, or a list of sites; * in a list matches any layer'),
  writes: siteList.optional().describe('the site that it writes, or a list of sites; * in a list matches any layer'),
  skip: z
    .boolean()
    .default(false)
    .describe('a linear way beside the features, W_skip x; for a dictionary that reads one site and writes another'),
  crossLayer: z
    .boolean()
    .default(false)
    .describe('features of the n-th site read write the n-th site and all after it; `features` is then per site read'),
  architecture: architecture
    .default('topk')
    .describe(
      'kind: topk keeps the k largest per token, batchtopk k per token on average, matryoshka the same with nested prefixes; relu and gated have an L1 penalty, jumprelu a threshold per feature',
    ),
  features: positive.optional().describe('number of features; of all experts together where it is routed'),
  k: kindFields.k.describe('features that may fire on one token; of batchtopk and matryoshka: on average'),
  sparsity: sparsity
    .optional()
    .describe(
      'weight of the penalty on L1 (relu, gated) or L0 (jumprelu), for activations scaled to E‖x‖² ≈ width and an error divided by their variance',
    ),
  l0: kindFields.l0.describe('features per token that jumprelu is to end with, instead of `sparsity`'),
  prefixes: z
    .array(positive)
    .min(1)
    .optional()
    .describe(
      'matryoshka: numbers of first features that reconstruct by themselves, ending with `features` (of one expert where it is routed); default features / 16, / 8, / 4, / 2 and all',
    ),
  bandwidth: kindFields.bandwidth.describe(
    'jumprelu: width of the window around a threshold in which it learns, in scaled units; default 0.1',
  ),
  threshold: kindFields.threshold.describe('jumprelu: first value of every threshold, in scaled units; default 0.1'),
  routed: routedFields
    .optional()
    .describe(
      'divides the features among experts, one of which sees a token; frozen: by clusters of activations found before, each expert a training of its own; learned: by a router that is trained with them',
    ),
  slices: positive
    .optional()
    .describe(
      'contiguous ranges of features that are trained by threads of their own; enters the key; default 1, from 8,192 features on 2, more where one would outgrow its memory',
    ),
  candidates: z
    .enum(CANDIDATES)
    .default('exact')
    .describe(
      'topk: exact, or int8: a product in 8 bits proposes features of a token, which are scored again exactly; enters the key',
    ),
  moments: z
    .enum(MOMENTS)
    .default('full')
    .describe("the optimiser's second moments: full, or row: one number per feature and matrix"),
  tokens: positive.optional().describe('training budget, rows (one token each); of all experts together'),
  batchRows: positive.default(2048).describe('rows per training step; of one frozen expert'),
  lr: rate.nullable().default(null).describe('learning rate; default 2e-4 / sqrt(features / 16384)'),
  warmupSteps: z
    .number()
    .int()
    .nonnegative()
    .nullable()
    .default(null)
    .describe('steps of linear warm-up; default a twentieth of the training, at most 1000'),
  decayFraction: share.default(0.2).describe('share of the training over which the rate falls linearly to 0'),
  betas: z
    .tuple([share, share])
    .nullable()
    .default(null)
    .describe('Adam decay rates; default 0.9 and 0.999, for jumprelu and gated 0 and 0.999'),
  epsilon: z.number().positive().default(1e-8).describe("Adam's epsilon"),
  clipNorm: z.number().positive().nullable().default(null).describe('greatest global gradient norm; null for none'),
  auxK: auxK
    .nullable()
    .default(null)
    .describe('dead features that the auxiliary loss revives per row; default half the width; 0 for none'),
  auxWeight: z
    .number()
    .nonnegative()
    .default(1 / 32)
    .describe('weight of the auxiliary loss'),
  deadAfterTokens: positive
    .nullable()
    .default(null)
    .describe('rows without firing after which a feature is dead; default min(10 million, tokens / 10)'),
  logEverySteps: positive.default(10).describe('steps between logged rows'),
  seed: z.number().int().default(0).describe('initialisation only; the order of data follows the run seed'),
  sweep: sweep
    .optional()
    .describe(
      'makes a dictionary of each combination of these values; all of one sweep share one read of the activations',
    ),
});
export type SaeConfig = z.output<typeof saeSection>;
/** Names of the fields that a sweep may vary. */
export const SWEPT = Object.keys(sweep.shape) as readonly (keyof typeof sweep.shape)[];
