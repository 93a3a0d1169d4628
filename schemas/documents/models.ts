// The documents of the commands about models.
import { z } from 'zod';

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const modelInspectDocument = z.strictObject({
  file: z.string().describe('the ONNX file, or the folder whose graph was written'),
  family: z
    .string()
    .nullable()
    .describe('family whose graph was written for config.json and safetensors; null for a file'),
  digest: sha256.describe('identity of the model, external data included'),
  layers: count,
  width: count,
  vocabulary: count,
  firstId: count.describe('the smallest token id; 0 but where the model shifts ids before its table'),
  positions: count
    .nullable()
    .describe('tokens that fit; null where no position table is visible and no config.json says it'),
  positionStart: count
    .nullable()
    .describe('first number of positions that the model takes as an input; null where it takes none or does not tell'),
  norm: z.enum(['pre', 'post']),
  inputs: z.array(z.string()),
  outputs: z.array(z.string()),
  result: z.string().describe('the output up to which the blocks are read'),
  logits: z.string().nullable().describe('the output that `logits` names; null where none is certain'),
  beyond: z
    .array(z.strictObject({ output: z.string(), products: count.describe('matrix products that the result lacks') }))
    .describe('outputs that need more of the model than the result: it has no sites there'),
  dynamicQuantisation: count.describe(
    "activations quantised by their own values; above 0 a context's values depend on its batch",
  ),
  opset: count,
  producer: z.string(),
  heads: count.nullable().describe('attention heads; null where not found or not the same everywhere'),
  kvHeads: count.nullable().describe('heads of keys and values'),
  dHead: count.nullable(),
  dMlp: count.nullable().describe('null also for a mixture of experts'),
  sites: z.array(
    z.strictObject({
      site: z.string(),
      tensor: z.string().describe('what it is seen in'),
      width: count.describe('size of the last axis; 0 where it varies'),
      axes: z.array(z.string()),
      shape: z.array(z.union([count, z.string()])).describe('sizes of the axes'),
    }),
  ),
  unchecked: z
    .string()
    .nullable()
    .describe("why the sites' equations were not checked; null where they hold for all listed"),
  unresolved: z
    .array(z.strictObject({ site: z.string(), reason: z.string() }))
    .describe('sites of a kind that the model should have but that are not certain'),
});

export const modelRunDocument = z.strictObject({
  model: z.string(),
  file: z.string().describe('the safetensors file that was written'),
  tensors: z.array(z.strictObject({ name: z.string(), dtype: z.string(), shape: z.array(count) })),
});

const modelTensor = z.strictObject({
  name: z.string(),
  dtype: z.string(),
  shape: z.array(z.union([count, z.string()])).describe('sizes, or names where they vary'),
});

export const modelVjpDocument = z.strictObject({
  model: z.string(),
  file: z.string().describe('the ONNX file that was written'),
  data: z.string().nullable().describe('the file with large weights beside it; null: all inside'),
  bytes: count.describe('of both'),
  nodes: count,
  inputs: z.array(modelTensor),
  outputs: z.array(modelTensor),
});

export const modelRandomiseDocument = z.strictObject({
  model: z.string(),
  file: z.string().describe('the ONNX file that was written'),
  data: z.string().nullable().describe('the file with large weights beside it; null: all inside'),
  bytes: count.describe('of both'),
  matrices: count.describe('weight matrices whose entries changed places'),
  weights: count.describe('their entries'),
});

const generatedToken = z.strictObject({
  id: count,
  token: z.string().nullable().describe('what it stands for by itself; null for an id that the tokenizer lacks'),
  p: z
    .strictObject({
      plain: z.number().describe('probability after the same tokens, model as it is'),
      edited: z.number().nullable().describe('the same, edited model; null without edits'),
    })
    .describe('at temperature 1 among all tokens, however it was chosen'),
});

const continuation = z.strictObject({
  text: z.string(),
  stop: z.enum(['tokens', 'context']).describe('why no more: as many as asked for, or the context is full'),
  tokens: z.array(generatedToken),
});

export const modelGenerateDocument = z.strictObject({
  model: z.string(),
  reference: z
    .strictObject({ base: sha256, edits: z.array(z.record(z.string(), z.unknown())) })
    .describe('of the edited model, as it enters keys'),
  sampling: z
    .strictObject({ seed: z.number().int(), temperature: z.number(), topK: count.nullable() })
    .nullable()
    .describe('null: greedy'),
  contextTokens: count.nullable().describe('what the context holds; null where nothing limits it'),
  texts: z.array(
    z.strictObject({
      given: z.string(),
      ids: z.array(count).describe('its tokens, the prepended one included'),
      plain: continuation,
      edited: continuation.nullable().describe('null without edits'),
    }),
  ),
});

const splitLoss = z
  .strictObject({
    loss: z.number().describe('mean, nats per target token'),
    tokens: count.describe('target tokens that it is the mean of'),
  })
  .nullable();

export const modelTrainDocument = z.strictObject({
  training: z.string(),
  revision: count,
  store: z.string(),
  dryRun: z.boolean(),
  finished: z.boolean().describe('false: interrupted; the same command goes on'),
  models: z.array(
    z.strictObject({
      model: z.string(),
      key: sha256.nullable().describe('null: known only after the streams of tokens'),
      state: z.enum(['open', 'done', 'failed']),
      architecture: z.string(),
      parameters: count,
      steps: count,
      tokens: count.describe('target tokens of the whole training'),
      memoryBytes: count.describe('estimated, of the compute child'),
      step: count.describe('of the last checkpoint, or all steps'),
      losses: z.strictObject({ fit: splitLoss, calib: splitLoss, test: splitLoss }),
      dataset: z.string(),
      digest: sha256.nullable().describe('of the dataset; null while it is not done'),
      error: z
        .strictObject({
          class: z.string(),
          message: z.string(),
          details: z.record(z.string(), z.unknown()),
        })
        .nullable(),
    }),
  ),
  written: z.array(z.string()).describe('folders that --out wrote'),
});
