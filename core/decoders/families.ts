// The families of decoders that we write graphs for: one row each, and from a config.json to the row that it means.
import { InputError } from '../../schemas/errors.js';
import { ConfigFields, EXPORT_ADVICE, shown } from './config-fields.js';
import type { Decoder, Family } from './family.js';
import { GEMMA2 } from './families/gemma2.js';
import { GEMMA3 } from './families/gemma3.js';
import { GPT_NEOX } from './families/gpt-neox.js';
import { GPT2 } from './families/gpt2.js';
import { LLAMA } from './families/llama.js';
import { MISTRAL } from './families/mistral.js';
import { QWEN2 } from './families/qwen2.js';
import { QWEN3 } from './families/qwen3.js';

export const FAMILY_NAMES = [
  'gpt2',
  'gpt_neox',
  'llama',
  'mistral',
  'qwen2',
  'qwen3',
  'gemma2',
  'gemma3_text',
] as const;
export type FamilyName = (typeof FAMILY_NAMES)[number];

export const FAMILIES: Readonly<Record<FamilyName, Family>> = {
  gpt2: GPT2,
  gpt_neox: GPT_NEOX,
  llama: LLAMA,
  mistral: MISTRAL,
  qwen2: QWEN2,
  qwen3: QWEN3,
  gemma2: GEMMA2,
  gemma3_text: GEMMA3,
};

export interface DescribedDecoder extends Decoder {
  readonly family: Family;
}

/** What to do about folders of models that hold a text model among others. */
const PARTS: ReadonlyMap<unknown, string> = new Map([
  ['gemma3', 'This is the model with images: load it as Gemma3ForCausalLM and save that with save_pretrained'],
]);

/** The decoder that a config.json describes. @throws InputError for what we do not write or do not know, by its field's name */
export function describeDecoder(config: unknown): DescribedDecoder {
  const fields = new ConfigFields(config);
  const type = fields.take('model_type');
  const name = FAMILY_NAMES.find((one) => one === type);
  if (name === undefined)
    throw new InputError(
      `Expected model_type ${FAMILY_NAMES.join(', ')} in config.json, found ${shown(type)}. ${PARTS.get(type) ?? EXPORT_ADVICE}.`,
      { field: 'model_type', value: type },
    );
  const family = FAMILIES[name];
  checkClass(fields, family);
  refuseForeign(fields);
  const decoder = family.describe(fields);
  fields.finish();
  return { family, ...decoder };
}

/** Classifiers and the like have other outputs than logits over tokens. */
function checkClass(fields: ConfigFields, { architectures, oldArchitectures = [] }: Family): void {
  const given = fields.take('architectures') ?? [];
  const names: readonly unknown[] = Array.isArray(given) ? given : [given];
  const known: readonly unknown[] = [...architectures, ...oldArchitectures];
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return;
  throw new InputError(
    `Expected architectures ${architectures.join(' or ')}, found ${shown(wrong)}, which may compute something else. ${EXPORT_ADVICE}.`,
    { field: 'architectures', value: wrong },
  );
}

/** Settings of transformers' base class that change values. */
function refuseForeign(fields: ConfigFields): void {
  fields.only('quantization_config', [], 'Save the model without quantisation, or export it with torch.onnx');
  fields.only('auto_map', [], `Code of its own is not run. ${EXPORT_ADVICE}`);
  fields.only('is_encoder_decoder', [false]);
  fields.only('add_cross_attention', [false]);
  fields.only('tie_encoder_decoder', [false]);
  fields.only('cross_attention_hidden_size', []);
  const pruned = fields.take('pruned_heads');
  if (pruned !== null && shown(pruned) !== '{}') fields.only('pruned_heads', []);
}
