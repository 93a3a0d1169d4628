// Writes a dictionary as SAELens 6 saves one for inference: cfg.json and sae_weights.safetensors. What its kinds compute stands in
// saelens.ts and saelens-settings.ts; a dictionary that none of them computes is refused. Proof: the files of
// tests/golden/interop/written, applied by SAELens itself (tests/fixtures/interop/check_written.py).
import { InputError } from '../../schemas/errors.js';
import type { InputTransform } from '../../schemas/taken.js';
import { ourCentring } from './centring.js';
import { MODEL_DIGEST, type SAELENS_KINDS } from './saelens-settings.js';
import type { TakenDictionary } from './taken-dictionary.js';
import { asStored, asTurned, tensorOf, type ExportFacts, type WrittenDictionary } from './written-dictionary.js';

/** The version whose files these are; it decides how SAELens reads them. */
const VERSION = '6.54.12';

const MODES: Readonly<Record<InputTransform, string | null>> = {
  scale: 'constant_norm_rescale',
  layernorm: 'layer_norm',
  centre: null,
};

/** @throws InputError where SAELens has no kind that computes it */
export function writeSaelens(dictionary: TakenDictionary, facts: ExportFacts): WrittenDictionary {
  const { settings, wiring, readWidths, writeWidths } = dictionary;
  const kind = kindOf(dictionary, facts.name);
  const { k, features } = settings;
  const notes: string[] = [];
  if (settings.architecture === 'batchtopk' || settings.architecture === 'matryoshka')
    notes.push(
      `SAELens holds a ${settings.architecture} as jumprelu: the one threshold stands for every feature, and k (${k ?? ''})${settings.prefixes ? ' and the prefixes are' : ' is'} left behind.`,
    );
  const cfg = {
    ...{ architecture: kind, d_in: readWidths[0], d_sae: features, dtype: 'float32', device: 'cpu' },
    ...(wiring === 'other' && { d_out: writeWidths[0] }),
    apply_b_dec_to_input: ourCentring(settings.architecture, wiring),
    normalize_activations: modeOf(settings.inputTransform, facts.name),
    reshape_activations: (dictionary.source.reads?.[0] ?? '').endsWith('hook_z') ? 'hook_z' : 'none',
    ...(kind === 'topk' && { k, rescale_acts_by_decoder_norm: false }),
    metadata: metadataOf(dictionary, facts),
  };
  return { kind, cfg, file: 'sae_weights.safetensors', tensors: tensorsOf(dictionary), notes };
}

function kindOf({ settings, wiring }: TakenDictionary, name: string): keyof typeof SAELENS_KINDS {
  const { architecture, skip } = settings;
  const jump = architecture === 'jumprelu' || architecture === 'batchtopk' || architecture === 'matryoshka';
  if (wiring === 'same') return jump ? 'jumprelu' : architecture === 'relu' ? 'standard' : architecture;
  if (wiring === 'other' && jump) return skip ? 'jumprelu_skip_transcoder' : 'jumprelu_transcoder';
  if (wiring === 'other' && architecture === 'relu') return skip ? 'skip_transcoder' : 'transcoder';
  const what = wiring === 'crossLayer' ? 'cross-layer transcoder' : `transcoder of kind ${architecture}`;
  throw new InputError(
    `Expected a dictionary that SAELens has a kind for, found that ${name} is a ${what}; SAELens saves transcoders of kinds relu and jumprelu of one layer${architecture === 'topk' && wiring === 'other' ? ': write it with --format sparsify' : ''}.`,
    { dictionary: name, architecture, wiring },
  );
}

function modeOf(transform: InputTransform | undefined, name: string): string {
  if (transform === undefined) return 'none';
  const mode = MODES[transform];
  if (mode !== null) return mode;
  throw new InputError(
    `Expected an input transform that SAELens has, found that ${name} brings rows to the mean 0 (${transform}), which it has not.`,
    { dictionary: name, transform },
  );
}

function tensorsOf(dictionary: TakenDictionary): WrittenDictionary['tensors'] {
  const { settings, tensors } = dictionary;
  const written = new Map([['W_enc', asTurned(tensorOf(dictionary, 'W_enc'))]]);
  for (const name of ['b_enc', 'b_gate', 'r_mag', 'b_mag', 'W_dec', 'b_dec', 'W_skip'])
    if (tensors.has(name)) written.set(name, asStored(tensorOf(dictionary, name)));
  const threshold = tensors.get('threshold');
  if (threshold) {
    const [one = 0] = threshold.values;
    const values = threshold.shape[0] === 1 ? new Float32Array(settings.features).fill(one) : threshold.values;
    written.set('threshold', asStored({ shape: [settings.features], values }));
  }
  return written;
}

function metadataOf({ source, wiring }: TakenDictionary, facts: ExportFacts): Record<string, unknown> {
  return {
    sae_lens_version: VERSION,
    sae_lens_training_version: null,
    model_name: facts.model ?? source.model,
    hook_name: source.reads?.[0] ?? null,
    ...(wiring === 'other' && { hook_name_out: source.writes?.[0] ?? null }),
    hook_head_index: null,
    context_size: facts.contextTokens ?? source.contextTokens,
    prepend_bos: facts.prepended ?? source.prepended,
    ...(source.modelDigest !== undefined && { [MODEL_DIGEST]: source.modelDigest }),
  };
}
