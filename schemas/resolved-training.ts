// The resolved form of language models to train, in a training of their own or in a run: what the store keeps, so that later
// work never reads the user's files again. `keyed` halves enter keys; `aux` halves only say where things are.
import { z } from 'zod';
import { DataError } from './errors.js';
import { ACTIVATIONS, ARCHITECTURES, trainingFields } from './language-model-sections.js';
import { corpusSection, storeOptions } from './sections.js';
import { SPLITS } from './stages.js';
import { engineSettings, part, sha256, storedFile } from './stored-shapes.js';
import { trainingFile } from './training-file.js';

const positive = z.number().int().positive();
const idType = z.enum(['uint16', 'uint32']).describe('of one stored token id');

/** The sizes of a model; `core/language-model/model-spec.ts` checks that they fit together. */
const modelSpec = z.strictObject({
  architecture: z.enum(ARCHITECTURES),
  layers: positive,
  width: positive,
  heads: positive,
  keyValueHeads: positive,
  headWidth: positive,
  mlpWidth: positive,
  contextTokens: positive,
  vocabulary: positive,
  tied: z.boolean(),
  normEpsilon: z.number(),
  activation: z.enum(ACTIVATIONS),
  ropeBase: z.number(),
});

export const streamSettings = z.strictObject({
  keyed: z.strictObject({
    tokensKey: z.string(),
    splits: z.array(z.enum(SPLITS)).readonly(),
    order: z
      .enum(['file', 'shuffled'])
      .describe('file: as the documents stand in the sources; shuffled: by a keyed hash'),
    prependId: z.number().int().nullable().describe('id of the token before every document; null for none'),
    dtype: idType,
    lossWeights: z
      .strictObject({ field: z.string(), default: z.number() })
      .nullable()
      .describe('weights in the loss by spans in a field of the document; null: no weights are stored'),
  }),
});

export const languageModelSettings = z.strictObject({
  keyed: z.strictObject({
    model: modelSpec.describe('all defaults filled in'),
    init: z
      .union([z.strictObject({ file: sha256 }), z.strictObject({ seed: z.number().int() })])
      .describe('digest of the file with the weights to begin from, or the seed of random ones'),
    data: z
      .union([
        z.strictObject({ batches: sha256, tensor: z.string() }),
        z.strictObject({ sampling: z.enum(['epochs', 'random']), seed: z.number().int() }),
      ])
      .describe('where contexts begin: offsets in a tensor of a file (by digest), or sampled in a keyed order'),
    training: trainingFields
      .pick({
        batch: true,
        optimiser: true,
        schedule: true,
        clipNorm: true,
        logEverySteps: true,
        validateEverySteps: true,
      })
      .extend({
        steps: positive,
        microBatches: positive.describe('parts of a batch that are computed one after another'),
      }),
    engine: engineSettings,
  }),
  aux: z.strictObject({
    name: z.string(),
    init: storedFile.nullable(),
    batches: storedFile.nullable(),
    dtype: idType,
    checkpointMs: z.number(),
  }),
});

/** One model with everything settled but the streams' contents. */
export const resolvedModel = z.strictObject({
  name: z.string(),
  config: languageModelSettings,
  streams: z.strictObject({ training: streamSettings, calib: streamSettings, test: streamSettings }),
});
export type ResolvedModel = z.infer<typeof resolvedModel>;

/** What the corpus and tokens stages read of a run or of a training. */
export const corpusRun = z.strictObject({
  name: z.string(),
  file: z.strictObject({ seed: z.number().int(), corpus: corpusSection, storeOptions: storeOptions.optional() }),
  limitDocuments: positive.nullable(),
  parts: z.array(part),
  model: z.strictObject({ tokenizer: storedFile }),
});

export const resolvedTraining = z.strictObject({
  formatVersion: z.literal(1),
  kind: z.literal('language-model'),
  name: z.string(),
  revision: positive,
  file: trainingFile,
  corpus: corpusRun.nullable().describe('the corpus to tokenise; null where the tokens of another run are taken'),
  tokens: z.strictObject({ run: z.string(), revision: positive }).describe('whose tokens are trained on'),
  tokenizer: storedFile,
  models: z.array(resolvedModel),
});
/** Everything that a training needs besides the store. */
export type ResolvedTraining = z.infer<typeof resolvedTraining>;

/** A training's stored configuration, checked. @throws DataError that names the record where it is damaged */
export function parseResolvedTraining(value: unknown, where: string): ResolvedTraining {
  const result = resolvedTraining.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new DataError(
    `The stored training ${where} is damaged or of another version: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}. Run \`assay model train\` with the training file again.`,
    { key: where },
  );
}
