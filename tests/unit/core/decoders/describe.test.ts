// What config.json means: both spellings of transformers (4 and 5) describe one decoder, files as they lie on the hub get their
// class's defaults, and every field that could change values is honoured or refused by name.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeDecoder, FAMILIES, FAMILY_NAMES, type DescribedDecoder } from '../../../../core/decoders/families.js';
import { HARMLESS_FIELDS } from '../../../../core/decoders/harmless-fields.js';
import { InputError } from '../../../../schemas/errors.js';
import { FOLDERS } from '../../../harness/fixtures.js';

type Config = Readonly<Record<string, unknown>>;

const saved = (name: string): Config => JSON.parse(readFileSync(`${FOLDERS}/${name}/config.json`, 'utf8')) as Config;

/** The same configuration with fields changed; undefined removes one. */
function changed(name: string, changes: Config): Config {
  const entries = Object.entries({ ...saved(name), ...changes });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** A described decoder as plain data. */
function data({ spec, rows }: DescribedDecoder): unknown {
  return JSON.parse(JSON.stringify({ spec, rows }));
}

function refusal(config: unknown): string {
  try {
    describeDecoder(config);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new RangeError('nothing was refused');
}

describe('both spellings', () => {
  const NONE = { rope_parameters: undefined, transformers_version: '4.44.0', torch_dtype: 'float32', dtype: undefined };
  it.each<[string, Config]>([
    ['neox', { rotary_pct: 0.25, rotary_emb_base: 10000 }],
    ['neox-sequential', { rotary_pct: 1, rotary_emb_base: 500 }],
    ['llama', { rope_theta: 10000, rope_scaling: null }],
    ['llama-variant', { rope_theta: 300, rope_scaling: null }],
    [
      'llama-llama3',
      {
        rope_theta: 1000,
        rope_scaling: {
          ...{ rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
          original_max_position_embeddings: 24,
        },
      },
    ],
    [
      'llama-yarn',
      { rope_theta: 1000, rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 10 } },
    ],
    ['llama-bf16', { rope_scaling: { type: 'linear', factor: 2.5 } }],
    ['mistral', { rope_theta: 10000 }],
    ['qwen2', { rope_theta: 10000, layer_types: undefined }],
    ['qwen3', { rope_theta: 10000, layer_types: undefined }],
    ['gemma2', { rope_theta: 10000, layer_types: undefined, cache_implementation: 'hybrid', hidden_act: 'gelu' }],
    [
      'gemma3',
      {
        ...{ rope_theta: 100000, rope_local_base_freq: 50, rope_scaling: { rope_type: 'linear', factor: 8 } },
        ...{ layer_types: undefined, sliding_window_pattern: 3, _sliding_window_pattern: undefined },
      },
    ],
  ])('%s is the same model as transformers 4 wrote it', (name, before) => {
    const [now, old] = [describeDecoder(saved(name)), describeDecoder(changed(name, { ...NONE, ...before }))];
    expect(data(old)).toEqual(data(now));
  });
});

describe('files of the hub', () => {
  it('GPT-2 has four times its width, tied embeddings and the tanh form of GELU', () => {
    const config = {
      ...{ activation_function: 'gelu_new', architectures: ['GPT2LMHeadModel'], attn_pdrop: 0.1, bos_token_id: 50256 },
      ...{
        embd_pdrop: 0.1,
        eos_token_id: 50256,
        initializer_range: 0.02,
        layer_norm_epsilon: 1e-5,
        model_type: 'gpt2',
      },
      ...{ n_ctx: 1024, n_embd: 768, n_head: 12, n_layer: 12, n_positions: 1024, resid_pdrop: 0.1 },
      ...{
        summary_activation: null,
        summary_first_dropout: 0.1,
        summary_proj_to_labels: true,
        summary_type: 'cls_index',
      },
      ...{
        summary_use_proj: true,
        task_specific_params: { 'text-generation': { do_sample: true } },
        vocab_size: 50257,
      },
    };
    const { spec, family } = describeDecoder(config);
    expect(family.title).toBe('GPT-2');
    expect(spec).toMatchObject({ mlpWidth: 4 * 768, tied: true, activation: 'gelu_tanh', headWidth: 64 });
    expect(spec.layers).toHaveLength(12);
    expect(spec.layers[3]).toEqual({ window: null, rotary: null, scoreScale: 1 / 8 });
  });

  it('Mistral without sliding_window has 4,096, with null none', () => {
    const first = (config: Config): number | null | undefined => describeDecoder(config).spec.layers[0]?.window;
    expect(first(changed('mistral', { sliding_window: undefined }))).toBe(4096);
    expect(first(changed('mistral', { sliding_window: null }))).toBe(null);
  });

  it('Gemma 2 without caps has 50 and 30, with null none; heads of 256 are its default', () => {
    const bare = changed('gemma2', {
      ...{ attn_logit_softcapping: undefined, final_logit_softcapping: undefined, head_dim: undefined },
      query_pre_attn_scalar: undefined,
    });
    expect(describeDecoder(bare).spec).toMatchObject({ scoreCap: 50, logitCap: 30, headWidth: 256 });
    expect(describeDecoder(bare).spec.layers[0]?.scoreScale).toBe(1 / 16);
    const none = changed('gemma2', { attn_logit_softcapping: null, final_logit_softcapping: null });
    expect(describeDecoder(none).spec).toMatchObject({ scoreCap: null, logitCap: null });
  });

  it('Qwen 2 ignores its window unless use_sliding_window says so, Qwen 3 has heads of 128', () => {
    const plain = changed('qwen2', { use_sliding_window: false, layer_types: undefined });
    expect(describeDecoder(plain).spec.layers.map(({ window }) => window)).toEqual([null, null, null]);
    expect(describeDecoder(changed('qwen3', { head_dim: undefined })).spec.headWidth).toBe(128);
  });

  it('fields without effect may say anything', () => {
    const noise = Object.fromEntries([...HARMLESS_FIELDS].map((field) => [field, 'anything']));
    for (const name of ['gpt2', 'llama', 'gemma3']) {
      const { model_type, architectures } = saved(name);
      const config = changed(name, { ...noise, model_type, architectures });
      expect(data(describeDecoder(config)), name).toEqual(data(describeDecoder(saved(name))));
    }
  });
});

describe('refusals', () => {
  it.each<[string, Config, string]>([
    [
      'llama',
      { model_type: 'mamba' },
      'Expected model_type gpt2, gpt_neox, llama, mistral, qwen2, qwen3, gemma2, gemma3_text in config.json, found "mamba". Export the model with torch.onnx',
    ],
    [
      'gemma3',
      { model_type: 'gemma3' },
      'found "gemma3". This is the model with images: load it as Gemma3ForCausalLM and save that',
    ],
    [
      'llama',
      { architectures: ['LlamaForSequenceClassification'] },
      'Expected architectures LlamaForCausalLM or LlamaModel, found "LlamaForSequenceClassification"',
    ],
    [
      'llama',
      { quantization_config: { bits: 4 } },
      'Expected quantization_config unset, found {"bits":4}: this would change the model\'s values and is not supported. Save the model without quantisation',
    ],
    [
      'llama',
      { auto_map: { AutoModel: 'x.Y' } },
      'Expected auto_map unset, found {"AutoModel":"x.Y"}: this would change the model\'s values and is not supported. Code of its own is not run',
    ],
    [
      'llama',
      { use_qk_norm: false },
      "Expected known fields, found use_qk_norm = false, which could change the model's values. Where it has no effect on them, remove it from config.json",
    ],
    ['llama', { sliding_window: 4 }, 'found sliding_window = 4'],
    [
      'llama',
      { hidden_act: 'quick_gelu' },
      'Expected hidden_act to be one of gelu, gelu_python, gelu_new, gelu_fast, gelu_pytorch_tanh, relu, silu, swish, found "quick_gelu"',
    ],
    [
      'llama',
      { hidden_size: undefined },
      'Expected hidden_size to be a whole number of at least 1, found nothing. Correct config.json.',
    ],
    ['llama', { hidden_size: 32.5 }, 'found 32.5'],
    ['llama', { num_hidden_layers: 10 ** 9 }, 'Expected num_hidden_layers to be at most 10000, found 1000000000'],
    [
      'llama',
      { num_key_value_heads: 3 },
      'Expected num_key_value_heads to be a divisor of num_attention_heads (4), found 3',
    ],
    [
      'llama',
      { head_dim: null, num_attention_heads: 5, num_key_value_heads: 5 },
      'Expected a width that its heads divide, found a width of 32 and 5 heads',
    ],
    ['llama', { rms_norm_eps: 0 }, 'Expected rms_norm_eps to be a number above 0, found 0'],
    ['llama', { attention_bias: 'yes' }, 'Expected attention_bias to be true or false, found "yes"'],
    ['llama', { rope_interleaved: true }, 'Expected rope_interleaved as false, found true'],
    [
      'llama',
      { rope_parameters: { rope_type: 'dynamic', factor: 2 } },
      'Expected rotary positions of the kind default, linear, llama3, yarn, found "dynamic"',
    ],
    ['llama', { rope_parameters: undefined, rope_scaling: { type: 'longrope' } }, 'found "longrope"'],
    ['llama', { rope_scaling: { type: 'linear', factor: 2 } }, 'Expected rope_parameters or rope_scaling, found both'],
    ['llama', { rope_theta: 5 }, 'Expected rope_theta and rope_theta of rope_parameters to agree, found 5 and 10000'],
    [
      'llama',
      { rope_parameters: { rope_type: 'default', rope_theta: 1e4, partial_rotary_factor: 0.5 } },
      'Expected partial_rotary_factor 1 in this family, found 0.5',
    ],
    [
      'llama',
      { rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 1e4, short_factor: [1] } },
      'found rope_parameters.short_factor = [1]',
    ],
    [
      'llama',
      { rope_parameters: { rope_type: 'llama3', factor: 8 } },
      'Expected rope_parameters.low_freq_factor to be a number above 0, found nothing',
    ],
    [
      'neox',
      { rope_parameters: undefined, rotary_pct: 0.4 },
      'Expected an even number of rotary coordinates from 2 to 8, found 3',
    ],
    ['neox', { num_key_value_heads: 2 }, 'Expected num_key_value_heads as 4, found 2'],
    ['gpt2', { add_cross_attention: true }, 'Expected add_cross_attention as false, found true'],
    ['gpt2', { n_ctx: 20 }, 'Expected n_ctx as 40, found 20'],
    ['gpt2', { pruned_heads: { 0: [1] } }, 'Expected pruned_heads unset'],
    [
      'mistral',
      { layer_types: ['full_attention', 'sliding_attention'] },
      'Expected layer_types of sliding_attention alone (sliding_window is 4), found a mixture',
    ],
    [
      'qwen2',
      { layer_types: ['full_attention'] },
      'Expected layer_types to be a list of 3 kinds, one for each layer, found ["full_attention"]',
    ],
    [
      'qwen2',
      { layer_types: ['full_attention', 'chunked_attention', 'full_attention'] },
      'Expected layer_types of full_attention and sliding_attention, found "chunked_attention"',
    ],
    [
      'qwen2',
      { use_sliding_window: false },
      'Expected sliding_window for the layers whose layer_types are sliding_attention, found none in use (see use_sliding_window)',
    ],
    ['gemma2', { sliding_window_size: 8 }, 'Expected sliding_window_size as 4, found 8'],
    ['gemma3', { use_bidirectional_attention: true }, 'Expected use_bidirectional_attention as false, found true'],
    ['gemma3', { attn_logit_softcapping: 50 }, 'Expected attn_logit_softcapping unset, found 50'],
    ['gemma3', { layer_types: null, _sliding_window_pattern: 2 }, 'Expected _sliding_window_pattern as 6, found 2'],
  ])('%s with %j', (name, changes, message) => {
    expect(refusal(changed(name, changes))).toContain(message);
  });

  it.each([[null], [[]], ['text']])('a file that holds %j', (json) => {
    expect(refusal(json)).toContain('Expected config.json to hold a JSON object, found');
  });

  it('every field that is read can be wrong: none of a saved file is passed over', () => {
    // A text of its own kind in place of each field in turn: refused, or known to be without effect.
    const passed = new Map<string, string[]>();
    for (const name of ['gpt2', 'neox', 'llama', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3']) {
      const fields = Object.keys(saved(name)).filter((field) => !HARMLESS_FIELDS.has(field));
      const silent = fields.filter((field) => {
        try {
          describeDecoder(changed(name, { [field]: 'wrong' }));
          return true;
        } catch (error) {
          return !(error instanceof InputError);
        }
      });
      passed.set(name, silent);
    }
    const effectless = {
      gpt2: ['reorder_and_upcast_attn'],
      llama: ['pretraining_tp'],
      gemma3: ['_sliding_window_pattern'],
    };
    for (const [name, fields] of passed)
      expect(fields, name).toEqual((effectless as Record<string, string[]>)[name] ?? []);
  });
});

it('the table has a family for every name, under its own model_type', () => {
  for (const name of FAMILY_NAMES) expect(FAMILIES[name].modelType).toBe(name);
});
