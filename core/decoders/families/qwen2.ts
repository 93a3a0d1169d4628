// Qwen 2 and 2.5 (Yang et al. 2024) as transformers' Qwen2ForCausalLM stores and computes it: Llama with biases of queries, keys
// and values, and layers from max_window_layers on that see a sliding window where use_sliding_window says so.
import type { ConfigFields } from '../config-fields.js';
import type { LayerSpec } from '../decoder-spec.js';
import {
  llamaRows,
  plainScale,
  readActivation,
  readSizes,
  ROTARY_BUFFERS,
  type Decoder,
  type Family,
  type LlamaRows,
  type Sizes,
} from '../family.js';
import { readLayerKinds, readLayers, windowOf } from '../layer-kinds.js';
import { readRotary } from '../rotary-settings.js';

export const QWEN2: Family = {
  title: 'Qwen 2',
  modelType: 'qwen2',
  architectures: ['Qwen2ForCausalLM', 'Qwen2Model'],
  prefix: 'model.',
  unembedding: 'lm_head.weight',
  buffers: ROTARY_BUFFERS,
  describe: (fields) =>
    describeQwen(fields, readSizes(fields), {
      queryBias: true,
      outputBias: false,
      mlpBias: false,
      headNorms: false,
      sandwich: false,
    }),
};

/** What Qwen 2 and Qwen 3 share. */
export function describeQwen(fields: ConfigFields, sizes: Sizes, kind: LlamaRows): Decoder {
  const spec = {
    ...sizes,
    layers: readWindows(fields, sizes),
    norm: { kind: 'rms', epsilon: fields.positive('rms_norm_eps', 1e-6), gainOffset: 0 },
    activation: readActivation(fields, 'hidden_act', 'silu'),
    parallel: false,
    embeddingScale: 1,
    scoreCap: null,
    logitCap: null,
    tied: fields.flag('tie_word_embeddings', false),
  } as const;
  return { spec, rows: llamaRows(spec, kind) };
}

function readWindows(fields: ConfigFields, sizes: Sizes): readonly LayerSpec[] {
  fields.only('use_mrope', [false]);
  const stated = fields.states('sliding_window') ? fields.optionalCount('sliding_window') : 4096;
  const window = fields.flag('use_sliding_window', false) ? stated : null;
  const first = fields.index('max_window_layers', 28);
  const kinds = readLayerKinds(fields, readLayers(fields), (n) =>
    window !== null && n >= first ? 'sliding_attention' : 'full_attention',
  );
  const rotary = readRotary(fields, {
    ...sizes,
    baseField: 'rope_theta',
    base: 10_000,
    shareField: null,
    share: 1,
  });
  const scoreScale = plainScale(sizes);
  return kinds.map((kind) => ({ window: windowOf(kind, window), rotary, scoreScale }));
}
