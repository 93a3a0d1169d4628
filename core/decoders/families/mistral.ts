// Mistral (Jiang et al. 2023) as transformers' MistralForCausalLM stores and computes it: Llama whose every layer sees a sliding
// window, where one is set (4,096 where config.json does not say).
import { InputError } from '../../../schemas/errors.js';
import { EXPORT_ADVICE, type ConfigFields } from '../config-fields.js';
import {
  llamaRows,
  plainScale,
  readActivation,
  readSizes,
  ROTARY_BUFFERS,
  type Decoder,
  type Family,
} from '../family.js';
import { readLayerKinds, readLayers } from '../layer-kinds.js';
import { readRotary } from '../rotary-settings.js';

export const MISTRAL: Family = {
  title: 'Mistral',
  modelType: 'mistral',
  architectures: ['MistralForCausalLM', 'MistralModel'],
  prefix: 'model.',
  unembedding: 'lm_head.weight',
  buffers: ROTARY_BUFFERS,
  describe,
};

const WINDOW = 4096;

function describe(fields: ConfigFields): Decoder {
  const sizes = readSizes(fields);
  const window = fields.states('sliding_window') ? fields.optionalCount('sliding_window') : WINDOW;
  const count = readLayers(fields);
  const kind = window === null ? 'full_attention' : 'sliding_attention';
  // MistralModel itself reads no layer_types: one that differs belongs to another class (Ministral).
  if (readLayerKinds(fields, count, () => kind).some((one) => one !== kind))
    throw new InputError(
      `Expected layer_types of ${kind} alone (sliding_window is ${window ?? 'null'}), found a mixture, which this family does not compute. ${EXPORT_ADVICE}.`,
      { field: 'layer_types' },
    );
  const rotary = readRotary(fields, {
    ...sizes,
    baseField: 'rope_theta',
    base: 10_000,
    shareField: null,
    share: 1,
  });
  const layer = { window, rotary, scoreScale: plainScale(sizes) };
  const spec = {
    ...sizes,
    layers: Array.from({ length: count }, () => layer),
    norm: { kind: 'rms', epsilon: fields.positive('rms_norm_eps', 1e-6), gainOffset: 0 },
    activation: readActivation(fields, 'hidden_act', 'silu'),
    parallel: false,
    embeddingScale: 1,
    scoreCap: null,
    logitCap: null,
    tied: fields.flag('tie_word_embeddings', false),
  } as const;
  const rows = llamaRows(spec, {
    queryBias: false,
    outputBias: false,
    mlpBias: false,
    headNorms: false,
    sandwich: false,
  });
  return { spec, rows };
}
