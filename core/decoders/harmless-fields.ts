// Fields of config.json that change no value of a forward pass over token ids, whatever they say: training, generation, labels of
// classifiers, how and by what the file was written. Everything else is read by a family (families/) or refused.

const TRAINING = [
  'attention_dropout', 'attn_pdrop', 'classifier_dropout', 'embd_pdrop', 'hidden_dropout', 'initializer_range', 'resid_pdrop',
  'use_liger_kernel',
]; // prettier-ignore

const GENERATION = [
  'bad_words_ids', 'begin_suppress_tokens', 'bos_token_id', 'cache_implementation', 'decoder_start_token_id', 'diversity_penalty',
  'do_sample', 'early_stopping', 'encoder_no_repeat_ngram_size', 'eos_token_id', 'exponential_decay_length_penalty',
  'forced_bos_token_id', 'forced_eos_token_id', 'is_decoder', 'length_penalty', 'max_length', 'min_length', 'no_repeat_ngram_size',
  'num_beam_groups', 'num_beams', 'num_return_sequences', 'pad_token_id', 'prefix', 'remove_invalid_values', 'repetition_penalty',
  'sep_token_id', 'suppress_tokens', 'temperature', 'tokenizer_class', 'top_k', 'top_p', 'typical_p', 'use_cache',
]; // prettier-ignore

const LABELS = [
  'finetuning_task', 'id2label', 'label2id', 'num_labels', 'problem_type', 'summary_activation', 'summary_first_dropout',
  'summary_proj_to_labels', 'summary_type', 'summary_use_proj', 'task_specific_params',
]; // prettier-ignore

/** `chunk_size_feed_forward` splits the same sums; `_attn_implementation` chooses among kernels of the same equation. */
const WRITING = [
  '_attn_implementation', '_attn_implementation_autoset', '_commit_hash', '_name_or_path', 'architectures', 'attn_implementation',
  'chunk_size_feed_forward', 'dtype', 'is_llama_config', 'model_type', 'output_attentions', 'output_hidden_states', 'return_dict',
  'tf_legacy_loss', 'torch_dtype', 'torchscript', 'transformers.js_config', 'transformers_version', 'unsloth_fixed',
  'unsloth_version', 'use_bfloat16',
]; // prettier-ignore

export const HARMLESS_FIELDS: ReadonlySet<string> = new Set([...TRAINING, ...GENERATION, ...LABELS, ...WRITING]);
