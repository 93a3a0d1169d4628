// What every family's file gives, and what several of them share: sizes, biases and positions of decoders in Llama's manner.
import { InputError } from '../../schemas/errors.js';
import type { ConfigFields } from './config-fields.js';
import type { ActivationName, DecoderSpec, LayerSpec } from './decoder-spec.js';
import {
  linear,
  rmsNorm,
  type BlockRows,
  type DecoderRows,
  type MlpRows,
  type ProjectionRows,
} from './decoder-tensors.js';

export interface Family {
  /** As users call it. */
  readonly title: string;
  readonly modelType: string;
  /** The class with logits, and the one without, whose names of tensors lack `prefix`. */
  readonly architectures: readonly [withLogits: string, without: string];
  /** The same classes as the first conversions spelt them. */
  readonly oldArchitectures?: readonly string[];
  readonly prefix: string;
  /** The unembedding's tensor, where the embedding is not it. */
  readonly unembedding: string;
  /** Stored tensors that no value depends on: masks and tables that older versions saved. */
  readonly buffers: readonly RegExp[];
  /** @throws InputError for a setting that is not supported or does not fit */
  readonly describe: (fields: ConfigFields) => Decoder;
}

export interface Decoder {
  readonly spec: DecoderSpec;
  readonly rows: DecoderRows;
}

/** Activations by the names that transformers gives them. */
const ACTIVATIONS: Readonly<Record<string, ActivationName>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
};

/** The activation that a field names. @throws InputError for others */
export function readActivation(fields: ConfigFields, name: string, otherwise: string): ActivationName {
  const found = ACTIVATIONS[fields.choice(name, Object.keys(ACTIVATIONS), otherwise)];
  return found as ActivationName;
}

export interface Sizes {
  readonly width: number;
  readonly vocabulary: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly mlpWidth: number;
  readonly maxPositions: number;
}

/** Sizes under the names that all families but GPT-2 use. `headWidth` null: the width divided by the heads where none is given. */
export function readSizes(fields: ConfigFields, headWidth: number | null = null): Sizes {
  const [width, heads] = [fields.count('hidden_size'), fields.count('num_attention_heads')];
  const keyValueHeads = fields.optionalCount('num_key_value_heads') ?? heads;
  if (heads % keyValueHeads !== 0)
    throw fields.wrong('num_key_value_heads', `a divisor of num_attention_heads (${heads})`);
  return {
    width,
    heads,
    keyValueHeads,
    headWidth: fields.optionalCount('head_dim') ?? headWidth ?? headWidthOf(width, heads),
    vocabulary: fields.count('vocab_size'),
    mlpWidth: fields.count('intermediate_size'),
    maxPositions: fields.count('max_position_embeddings'),
  };
}

/** @throws InputError where the heads do not divide the width */
export function headWidthOf(width: number, heads: number): number {
  if (width % heads === 0) return width / heads;
  throw new InputError(
    `Expected a width that its heads divide, found a width of ${width} and ${heads} heads. Correct config.json.`,
    { width, heads },
  );
}

/** The settings of attention that all layers share: scores are q · k / √d_head. */
export function plainScale({ headWidth }: Pick<Sizes, 'headWidth'>): number {
  return 1 / Math.sqrt(headWidth);
}

/** What a Llama-like family has besides the plain. */
export interface LlamaRows {
  readonly queryBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** Whether queries and keys are normed by head. */
  readonly headNorms: boolean;
  /** Norms before and after each branch (Gemma) instead of before alone. */
  readonly sandwich: boolean;
}

/** Tensors under Llama's names. */
export function llamaRows(
  sizes: Sizes & { readonly layers: readonly LayerSpec[]; readonly tied: boolean },
  kind: LlamaRows,
): DecoderRows {
  const { width, vocabulary, layers, tied } = sizes;
  return {
    embedding: { name: 'model.embed_tokens.weight', shape: [vocabulary, width] },
    positions: null,
    blocks: layers.map((_, n) => llamaBlock(`model.layers.${n}`, sizes, kind)),
    lnFinal: rmsNorm('model.norm', width),
    unembedding: tied ? null : { name: 'lm_head.weight', shape: [vocabulary, width] },
  };
}

function llamaBlock(at: string, sizes: Sizes, kind: LlamaRows): BlockRows {
  const { width, headWidth } = sizes;
  const norm = (name: string): BlockRows['ln1'] => rmsNorm(`${at}.${name}`, width);
  const headNorm = (name: string): BlockRows['ln1'] | null =>
    kind.headNorms ? rmsNorm(`${at}.self_attn.${name}`, headWidth) : null;
  const { sandwich } = kind;
  return {
    ln1: norm('input_layernorm'),
    ln1Post: sandwich ? norm('post_attention_layernorm') : null,
    ln2: norm(sandwich ? 'pre_feedforward_layernorm' : 'post_attention_layernorm'),
    ln2Post: sandwich ? norm('post_feedforward_layernorm') : null,
    projection: separate(`${at}.self_attn`, sizes, kind.queryBias),
    queryNorm: headNorm('q_norm'),
    keyNorm: headNorm('k_norm'),
    output: linear(`${at}.self_attn.o_proj`, [sizes.heads * headWidth, width], kind.outputBias),
    mlp: gated(`${at}.mlp`, sizes, kind.mlpBias),
  };
}

function separate(at: string, sizes: Sizes, biased: boolean): ProjectionRows {
  const { width, heads, keyValueHeads, headWidth } = sizes;
  const map = (name: string, count: number): ReturnType<typeof linear> =>
    linear(`${at}.${name}`, [width, count * headWidth], biased);
  const [q, k, v] = [map('q_proj', heads), map('k_proj', keyValueHeads), map('v_proj', keyValueHeads)];
  return { kind: 'separate', q, k, v };
}

function gated(at: string, { width, mlpWidth }: Sizes, biased: boolean): MlpRows {
  return {
    kind: 'gated',
    gate: linear(`${at}.gate_proj`, [width, mlpWidth], biased),
    up: linear(`${at}.up_proj`, [width, mlpWidth], biased),
    down: linear(`${at}.down_proj`, [mlpWidth, width], biased),
  };
}

/** Tables of rotary positions that older versions stored in every layer. */
export const ROTARY_BUFFERS: readonly RegExp[] = [/\.rotary_emb\.inv_freq$/];
