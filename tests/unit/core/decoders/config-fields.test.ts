// Fields of config.json that transformers writes twice, spelt otherwise, leaves null or never reads: accepted where no value can depend
// on them, else refused in words that name the field, what was found and what to do.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeDecoder, type DescribedDecoder } from '../../../../core/decoders/families.js';
import { InputError } from '../../../../schemas/errors.js';
import { FOLDERS } from '../../../harness/fixtures.js';

type Config = Readonly<Record<string, unknown>>;

/** A fixture's configuration with fields changed; undefined removes one. */
function changed(name: string, changes: Config): Config {
  const saved = JSON.parse(readFileSync(`${FOLDERS}/${name}/config.json`, 'utf8')) as Config;
  return Object.fromEntries(Object.entries({ ...saved, ...changes }).filter(([, value]) => value !== undefined));
}

function described(name: string, changes: Config = {}): DescribedDecoder {
  return describeDecoder(changed(name, changes));
}

function refused(config: unknown): InputError {
  try {
    describeDecoder(config);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new RangeError('nothing was refused');
}

const refusal = (name: string, changes: Config): string => refused(changed(name, changes)).message;

describe('GPT-NeoX as transformers 4.57 saves it, base and share under two names', () => {
  const NONE = { rope_parameters: undefined, rope_scaling: null };
  const own = { ...NONE, rotary_pct: 0.5, rotary_emb_base: 500 };
  const rotary = (changes: Config): unknown => described('neox', changes).spec.layers[0]?.rotary;

  it('is accepted where they agree, with each other, with rope_parameters or with the defaults of the family', () => {
    expect(rotary({ ...own, partial_rotary_factor: 0.5, rope_theta: 500 })).toEqual(rotary(own));
    const inside = { rope_parameters: { rope_type: 'default', rope_theta: 500, partial_rotary_factor: 0.5 } };
    expect(rotary({ ...inside, partial_rotary_factor: 0.5, rope_theta: 500 })).toEqual(rotary(own));
    expect(rotary({ ...NONE, partial_rotary_factor: 0.25, rope_theta: 10_000 })).toEqual(rotary(NONE));
  });

  it('is refused with both names and values where they do not', () => {
    expect(refusal('neox', { ...own, rope_theta: 300 })).toBe(
      'Expected rotary_emb_base and rope_theta to agree, found 500 and 300. transformers reads rotary_emb_base alone. Give rotary_emb_base the value that the model was trained with and remove rope_theta from config.json.',
    );
    expect(refusal('neox', { ...own, partial_rotary_factor: 1 })).toContain(
      'Expected rotary_pct and partial_rotary_factor to agree, found 0.5 and 1.',
    );
    // By itself transformers passes over it and takes the default.
    expect(refusal('neox', { ...NONE, partial_rotary_factor: 0.5 })).toContain(
      'Expected rotary_pct and partial_rotary_factor to agree, found 0.25 and 0.5. transformers reads rotary_pct alone, which config.json gives no value of its own.',
    );
  });
});

describe('the kind of rotary positions', () => {
  const before = { rope_parameters: undefined, rope_theta: 1e4, rope_local_base_freq: 50 };

  it('under its old name is refused for Gemma 3, where transformers does not apply it', () => {
    expect(refusal('gemma3', { ...before, rope_scaling: { type: 'linear', factor: 8 } })).toBe(
      'Expected rope_scaling.rope_type in this family, found rope_scaling.type = "linear", which transformers does not apply. Spell it rope_type in config.json where it was meant, else remove rope_scaling.',
    );
    const both = { ...before, rope_scaling: { type: 'linear', rope_type: 'linear', factor: 8 } };
    const now = { ...before, rope_scaling: { rope_type: 'linear', factor: 8 } };
    expect(described('gemma3', both).spec).toEqual(described('gemma3', now).spec);
    const none = { ...before, rope_scaling: { type: 'default' } };
    expect(described('gemma3', none).spec).toEqual(described('gemma3', before).spec);
  });

  it('under two names must be one', () => {
    const scaling = { rope_type: 'linear', type: 'yarn', factor: 2 };
    expect(refusal('llama', { rope_parameters: undefined, rope_scaling: scaling })).toContain(
      'Expected rope_type and type of rotary positions to agree, found "linear" and "yarn"',
    );
  });
});

describe('fields without effect', () => {
  it('of old GPT-2, GPT-NeoX and Llama files are accepted', () => {
    const old = {
      gpt2: { n_special: 0, predict_special_tokens: true, output_past: true, _num_labels: 2, pruned_heads: {} },
      neox: { attention_probs_dropout_prob: 0, hidden_dropout_prob: 0, gradient_checkpointing: false },
      llama: { architectures: ['LLaMAForCausalLM'], max_sequence_length: 2048, custom_pipelines: { x: {} } },
    };
    for (const [name, fields] of Object.entries(old)) expect(described(name, fields), name).toEqual(described(name));
  });

  it('are told from those that nobody knows, all of which are named at once, also inside objects', () => {
    const rope = { rope_type: 'default', rope_theta: 1e4, odd: 1 };
    const error = refused(
      changed('llama', { use_qk_norm: false, summary_type: 'x', rope_parameters: rope, logit_scale: 2 }),
    );
    expect(error.message).toContain(
      "Expected known fields, found use_qk_norm = false, logit_scale = 2 and rope_parameters.odd = 1, which could change the model's values. Remove those that have no effect on them from config.json. Else: Export the model",
    );
    expect(error.details['fields']).toEqual(['use_qk_norm', 'logit_scale', 'rope_parameters.odd']);
    const many = Object.fromEntries(Array.from({ length: 34 }, (_, i) => [`odd_${i}`, i]));
    expect(refusal('llama', many)).toContain('odd_29 = 29 and 4 more, which');
  });

  it('architectures are checked where they are one text too', () => {
    expect(refusal('llama', { architectures: 'LlamaForSequenceClassification' })).toContain(
      'found "LlamaForSequenceClassification"',
    );
  });
});

describe('null', () => {
  it.each<[string, string, string]>([
    [
      'neox',
      'use_parallel_residual',
      'to be true or false, found null. Give the value that the model was trained with, or remove the field where it is to be true.',
    ],
    ['gpt2', 'scale_attn_weights', 'to be true or false, found null.'],
    ['gpt2', 'scale_attn_by_inverse_layer_idx', 'or remove the field where it is to be false.'],
    ['gemma2', 'tie_word_embeddings', 'to be true or false, found null.'],
    ['llama', 'attention_bias', 'to be true or false, found null.'],
    ['qwen2', 'use_sliding_window', 'to be true or false, found null.'],
    ['qwen2', 'max_window_layers', 'to be a whole number of at least 0, found null.'],
    ['llama', 'rms_norm_eps', 'to be a number above 0, found null.'],
    [
      'llama',
      'hidden_act',
      'found null. Give the value that the model was trained with, or remove the field where it is to be "silu".',
    ],
    [
      'llama',
      'hidden_size',
      'to be a whole number of at least 1, found null. Give the value that the model was trained with.',
    ],
  ])('%s: %s is no value of it', (name, field, message) => {
    expect(refusal(name, { [field]: null })).toContain(`Expected ${field} to be `);
    expect(refusal(name, { [field]: null })).toContain(message);
  });

  it('says none where none is meant', () => {
    expect(described('gpt2', { n_inner: null }).spec.mlpWidth).toBe(128);
    expect(described('llama', { num_key_value_heads: null, head_dim: null }).spec.keyValueHeads).toBe(4);
    expect(described('gemma2', { use_bidirectional_attention: null, attn_logit_softcapping: null }).spec.scoreCap).toBe(
      null,
    );
    const rope = { rope_type: 'yarn', factor: 4, rope_theta: 1e4 };
    const nulls = { attention_factor: null, beta_fast: null, beta_slow: null, original_max_position_embeddings: null };
    expect(described('llama', { rope_parameters: { ...rope, ...nulls } }).spec).toEqual(
      described('llama', { rope_parameters: rope }).spec,
    );
  });
});

describe('whole numbers', () => {
  it.each([[true], ['2'], [[2]], [1.5], [-1]])('max_window_layers %j is none', (value) => {
    expect(refusal('qwen2', { max_window_layers: value })).toContain(
      `Expected max_window_layers to be a whole number of at least 0, found ${JSON.stringify(value)}. Correct config.json.`,
    );
  });

  it('max_window_layers may be 0: every layer slides', () => {
    const { layers } = described('qwen2', { max_window_layers: 0, layer_types: undefined }).spec;
    expect(new Set(layers.map(({ window }) => window))).toEqual(
      new Set([described('qwen2').spec.layers.at(-1)?.window]),
    );
  });

  it('above the largest are refused with the limit', () => {
    expect(refusal('llama', { vocab_size: 2 ** 31 })).toBe(
      'Expected vocab_size to be a whole number of at most 2147483647, found 2147483648. Correct config.json.',
    );
  });
});

it.each(['constructor', 'toString', '__proto__', 'valueOf'])(
  'model_type %s is no family and no part of one',
  (type) => {
    expect(refusal('llama', { model_type: type })).toMatch(
      new RegExp(
        `Expected model_type gpt2, .* in config\\.json, found "${type}"\\. Export the model with torch\\.onnx into`,
      ),
    );
  },
);
