// Gemma 2 (Gemma Team 2024) as transformers' Gemma2ForCausalLM stores and computes it: norms before and after each branch whose
// gain is 1 + w, embeddings times √width, capped scores and logits, every other layer with a sliding window.
import type { ConfigFields } from '../config-fields.js';
import type { LayerSpec } from '../decoder-spec.js';
import {
  llamaRows,
  readActivation,
  readSizes,
  ROTARY_BUFFERS,
  type Decoder,
  type Family,
  type Sizes,
} from '../family.js';
import { readLayerKinds, readLayers, windowOf } from '../layer-kinds.js';
import { readRotary } from '../rotary-settings.js';

const HEAD_WIDTH = 256;
const WINDOW = 4096;
const SCORE_CAP = 50;
const LOGIT_CAP = 30;

export const GEMMA2: Family = {
  title: 'Gemma 2',
  modelType: 'gemma2',
  architectures: ['Gemma2ForCausalLM', 'Gemma2Model'],
  prefix: 'model.',
  unembedding: 'lm_head.weight',
  buffers: ROTARY_BUFFERS,
  describe: (fields) => {
    const sizes = readSizes(fields, HEAD_WIDTH);
    return describeGemma(fields, sizes, {
      layers: readWindows(fields, sizes),
      scoreCap: SCORE_CAP,
      logitCap: LOGIT_CAP,
      headNorms: false,
    });
  },
};

export interface GemmaKind {
  readonly layers: readonly LayerSpec[];
  /** Caps where config.json does not say. */
  readonly scoreCap: number | null;
  readonly logitCap: number | null;
  readonly headNorms: boolean;
}

/** What Gemma 2 and Gemma 3 share. */
export function describeGemma(fields: ConfigFields, sizes: Sizes, kind: GemmaKind): Decoder {
  fields.only('use_bidirectional_attention', [false]);
  // Superseded by hidden_activation, which Gemma reads alone.
  fields.ignore('hidden_act');
  const cap = (name: string, otherwise: number | null): number | null =>
    fields.states(name) ? fields.optionalPositive(name) : otherwise;
  const biased = fields.flag('attention_bias', false);
  const spec = {
    ...sizes,
    layers: kind.layers,
    norm: { kind: 'rms', epsilon: fields.positive('rms_norm_eps', 1e-6), gainOffset: 1 },
    activation: readActivation(fields, 'hidden_activation', 'gelu_pytorch_tanh'),
    parallel: false,
    embeddingScale: Math.sqrt(sizes.width),
    scoreCap: cap('attn_logit_softcapping', kind.scoreCap),
    logitCap: cap('final_logit_softcapping', kind.logitCap),
    tied: fields.flag('tie_word_embeddings', true),
  } as const;
  const rows = llamaRows(spec, {
    queryBias: biased,
    outputBias: biased,
    mlpBias: false,
    headNorms: kind.headNorms,
    sandwich: true,
  });
  return { spec, rows };
}

/** The window that config.json states, or the family's own. */
export function readWindow(fields: ConfigFields): number | null {
  return fields.states('sliding_window') ? fields.optionalCount('sliding_window') : WINDOW;
}

/** q · k is divided by the root of query_pre_attn_scalar. */
export function gemmaScale(fields: ConfigFields): number {
  return 1 / Math.sqrt(fields.positive('query_pre_attn_scalar', HEAD_WIDTH));
}

function readWindows(fields: ConfigFields, sizes: Sizes): readonly LayerSpec[] {
  const window = readWindow(fields);
  // Written by the first releases; Gemma2Model reads sliding_window.
  fields.only('sliding_window_size', [window]);
  const kinds = readLayerKinds(fields, readLayers(fields), (n) =>
    n % 2 === 0 ? 'sliding_attention' : 'full_attention',
  );
  const rotary = readRotary(fields, {
    ...sizes,
    baseField: 'rope_theta',
    base: 10_000,
    shareField: null,
    share: 1,
  });
  const scoreScale = gemmaScale(fields);
  return kinds.map((kind) => ({ window: windowOf(kind, window), rotary, scoreScale }));
}
