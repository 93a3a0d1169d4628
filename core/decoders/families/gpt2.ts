// GPT-2 (Radford et al. 2019) as transformers' GPT2LMHeadModel stores and computes it: learned positions, LayerNorm before each
// branch, biases everywhere, matrices [in, out] with q, k and v side by side.
import type { ConfigFields } from '../config-fields.js';
import type { DecoderSpec } from '../decoder-spec.js';
import { layerNorm, type BlockRows, type DecoderRows, type LinearRows } from '../decoder-tensors.js';
import { headWidthOf, readActivation, type Decoder, type Family } from '../family.js';
import { readLayers } from '../layer-kinds.js';

export const GPT2: Family = {
  title: 'GPT-2',
  modelType: 'gpt2',
  architectures: ['GPT2LMHeadModel', 'GPT2Model'],
  prefix: 'transformer.',
  unembedding: 'lm_head.weight',
  // Causal masks as matrices.
  buffers: [/(^|\.)h\.\d+\.attn\.(masked_)?bias$/],
  describe,
};

function describe(fields: ConfigFields): Decoder {
  const width = fields.count('n_embd');
  const heads = fields.count('n_head');
  const headWidth = headWidthOf(width, heads);
  const maxPositions = fields.count('n_positions');
  // The length of training contexts in old files; GPT2Model reads n_positions alone.
  fields.only('n_ctx', [maxPositions]);
  // The same product in another order, upcast from half precision.
  fields.ignore('reorder_and_upcast_attn');
  const scaled = fields.flag('scale_attn_weights', true);
  const byLayer = fields.flag('scale_attn_by_inverse_layer_idx', false);
  const spec: DecoderSpec = {
    width,
    heads,
    headWidth,
    keyValueHeads: heads,
    vocabulary: fields.count('vocab_size'),
    mlpWidth: fields.optionalCount('n_inner') ?? 4 * width,
    maxPositions,
    layers: Array.from({ length: readLayers(fields, 'n_layer') }, (_, n) => ({
      window: null,
      rotary: null,
      scoreScale: (scaled ? 1 / Math.sqrt(headWidth) : 1) / (byLayer ? n + 1 : 1),
    })),
    norm: { kind: 'layer', epsilon: fields.positive('layer_norm_epsilon', 1e-5), gainOffset: 0 },
    activation: readActivation(fields, 'activation_function', 'gelu_new'),
    parallel: false,
    embeddingScale: 1,
    scoreCap: null,
    logitCap: null,
    tied: fields.flag('tie_word_embeddings', true),
  };
  return { spec, rows: rowsOf(spec) };
}

function rowsOf({ width, vocabulary, maxPositions, mlpWidth, layers, tied }: DecoderSpec): DecoderRows {
  return {
    embedding: { name: 'transformer.wte.weight', shape: [vocabulary, width] },
    positions: { name: 'transformer.wpe.weight', shape: [maxPositions, width] },
    blocks: layers.map((_, n) => block(`transformer.h.${n}`, width, mlpWidth)),
    lnFinal: layerNorm('transformer.ln_f', width),
    unembedding: tied ? null : { name: 'lm_head.weight', shape: [vocabulary, width] },
  };
}

function block(at: string, width: number, mlpWidth: number): BlockRows {
  return {
    ln1: layerNorm(`${at}.ln_1`, width),
    ln1Post: null,
    ln2: layerNorm(`${at}.ln_2`, width),
    ln2Post: null,
    projection: { kind: 'parts', qkv: conv(`${at}.attn.c_attn`, width, 3 * width) },
    queryNorm: null,
    keyNorm: null,
    output: conv(`${at}.attn.c_proj`, width, width),
    mlp: {
      kind: 'plain',
      up: conv(`${at}.mlp.c_fc`, width, mlpWidth),
      down: conv(`${at}.mlp.c_proj`, mlpWidth, width),
    },
  };
}

function conv(name: string, into: number, out: number): LinearRows {
  return {
    weight: { name: `${name}.weight`, shape: [into, out] },
    bias: { name: `${name}.bias`, shape: [out] },
    layout: 'in-out',
  };
}
