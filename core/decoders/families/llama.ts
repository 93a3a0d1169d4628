// Llama (Touvron et al. 2023; Llama 3) as transformers' LlamaForCausalLM stores and computes it: RMSNorm, rotary positions, grouped
// key-value heads, a gated MLP; biases only where attention_bias and mlp_bias say so.
import type { ConfigFields } from '../config-fields.js';
import {
  llamaRows,
  plainScale,
  readActivation,
  readSizes,
  ROTARY_BUFFERS,
  type Decoder,
  type Family,
} from '../family.js';
import { readLayers } from '../layer-kinds.js';
import { readRotary } from '../rotary-settings.js';

export const LLAMA: Family = {
  title: 'Llama',
  modelType: 'llama',
  architectures: ['LlamaForCausalLM', 'LlamaModel'],
  oldArchitectures: ['LLaMAForCausalLM', 'LLaMAModel'],
  prefix: 'model.',
  unembedding: 'lm_head.weight',
  buffers: ROTARY_BUFFERS,
  describe,
};

function describe(fields: ConfigFields): Decoder {
  const sizes = readSizes(fields);
  // Splits the same products.
  fields.ignore('pretraining_tp');
  fields.only('rope_interleaved', [false]);
  const rotary = readRotary(fields, {
    ...sizes,
    baseField: 'rope_theta',
    base: 10_000,
    shareField: null,
    share: 1,
  });
  const layer = { window: null, rotary, scoreScale: plainScale(sizes) };
  const layers = Array.from({ length: readLayers(fields) }, () => layer);
  const biased = fields.flag('attention_bias', false);
  const spec = {
    ...sizes,
    layers,
    norm: { kind: 'rms', epsilon: fields.positive('rms_norm_eps', 1e-6), gainOffset: 0 },
    activation: readActivation(fields, 'hidden_act', 'silu'),
    parallel: false,
    embeddingScale: 1,
    scoreCap: null,
    logitCap: null,
    tied: fields.flag('tie_word_embeddings', false),
  } as const;
  const rows = llamaRows(spec, {
    queryBias: biased,
    outputBias: biased,
    mlpBias: fields.flag('mlp_bias', false),
    headNorms: false,
    sandwich: false,
  });
  return { spec, rows };
}
