// Qwen 3 (Yang et al. 2025) as transformers' Qwen3ForCausalLM stores and computes it: Qwen 2 without its biases, with RMS norms
// over each head's queries and keys, and heads of 128 where config.json does not say.
import { readSizes, ROTARY_BUFFERS, type Family } from '../family.js';
import { describeQwen } from './qwen2.js';

const HEAD_WIDTH = 128;

export const QWEN3: Family = {
  title: 'Qwen 3',
  modelType: 'qwen3',
  architectures: ['Qwen3ForCausalLM', 'Qwen3Model'],
  prefix: 'model.',
  unembedding: 'lm_head.weight',
  buffers: ROTARY_BUFFERS,
  describe: (fields) => {
    const biased = fields.flag('attention_bias', false);
    return describeQwen(fields, readSizes(fields, HEAD_WIDTH), {
      queryBias: biased,
      outputBias: biased,
      mlpBias: false,
      headNorms: true,
      sandwich: false,
    });
  },
};
