// GPT-NeoX (Black et al. 2022; Pythia) as transformers' GPTNeoXForCausalLM stores and computes it: LayerNorm, rotary positions of
// the first part of each head, attention and MLP beside each other, one projection with query, key and value of head after head.
import type { ConfigFields } from '../config-fields.js';
import type { DecoderSpec } from '../decoder-spec.js';
import { layerNorm, linear, type BlockRows, type DecoderRows } from '../decoder-tensors.js';
import { plainScale, readActivation, readSizes, ROTARY_BUFFERS, type Decoder, type Family } from '../family.js';
import { readLayers } from '../layer-kinds.js';
import { readRotary } from '../rotary-settings.js';

export const GPT_NEOX: Family = {
  title: 'GPT-NeoX',
  modelType: 'gpt_neox',
  architectures: ['GPTNeoXForCausalLM', 'GPTNeoXModel'],
  prefix: 'gpt_neox.',
  unembedding: 'embed_out.weight',
  // Causal masks as matrices, and rotary tables.
  buffers: [/\.attention\.(masked_)?bias$/, ...ROTARY_BUFFERS],
  describe,
};

function describe(fields: ConfigFields): Decoder {
  fields.only('num_key_value_heads', [fields.count('num_attention_heads')]);
  fields.only('head_dim', []);
  const sizes = readSizes(fields);
  const rotary = readRotary(fields, {
    ...sizes,
    baseField: 'rotary_emb_base',
    base: 10_000,
    shareField: 'rotary_pct',
    share: 0.25,
    copies: { base: 'rope_theta', share: 'partial_rotary_factor' },
  });
  const layer = { window: null, rotary, scoreScale: plainScale(sizes) };
  const spec: DecoderSpec = {
    ...sizes,
    layers: Array.from({ length: readLayers(fields) }, () => layer),
    norm: { kind: 'layer', epsilon: fields.positive('layer_norm_eps', 1e-5), gainOffset: 0 },
    activation: readActivation(fields, 'hidden_act', 'gelu'),
    parallel: fields.flag('use_parallel_residual', true),
    embeddingScale: 1,
    scoreCap: null,
    logitCap: null,
    tied: fields.flag('tie_word_embeddings', false),
  };
  return { spec, rows: rowsOf(spec, fields.flag('attention_bias', true)) };
}

function rowsOf(spec: DecoderSpec, biased: boolean): DecoderRows {
  const { width, vocabulary, layers, tied } = spec;
  return {
    embedding: { name: 'gpt_neox.embed_in.weight', shape: [vocabulary, width] },
    positions: null,
    blocks: layers.map((_, n) => block(`gpt_neox.layers.${n}`, spec, biased)),
    lnFinal: layerNorm('gpt_neox.final_layer_norm', width),
    unembedding: tied ? null : { name: 'embed_out.weight', shape: [vocabulary, width] },
  };
}

function block(at: string, { width, mlpWidth }: DecoderSpec, biased: boolean): BlockRows {
  return {
    ln1: layerNorm(`${at}.input_layernorm`, width),
    ln1Post: null,
    ln2: layerNorm(`${at}.post_attention_layernorm`, width),
    ln2Post: null,
    projection: {
      kind: 'heads',
      qkv: linear(`${at}.attention.query_key_value`, [width, 3 * width], biased),
    },
    queryNorm: null,
    keyNorm: null,
    output: linear(`${at}.attention.dense`, [width, width], biased),
    mlp: {
      kind: 'plain',
      up: linear(`${at}.mlp.dense_h_to_4h`, [width, mlpWidth], true),
      down: linear(`${at}.mlp.dense_4h_to_h`, [mlpWidth, width], true),
    },
  };
}
