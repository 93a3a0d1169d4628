// cfg.json of SAELens, both generations, as one: what version 6 writes (settings apart from `metadata`) and the flat file before it,
// brought to version 6 as SAELens itself does it (pretrained_sae_loaders.py, `handle_pre_6_0_config`).
import { InputError } from '../../schemas/errors.js';
import type { InputTransform } from '../../schemas/taken.js';
import { SettingsFields } from './settings-fields.js';

export interface SaelensSettings {
  /** SAELens' word for the kind. */
  readonly architecture: keyof typeof SAELENS_KINDS;
  readonly fields: SettingsFields;
  readonly metadata: SettingsFields;
  readonly k: number | null;
  readonly applyBDec: boolean;
  readonly inputTransform: InputTransform | undefined;
  /** As it stands in the file. */
  readonly normalize: string;
}

/** Of the metadata of a cfg.json that this program wrote: digest of the model. */
export const MODEL_DIGEST = 'assay_model';

type Rule = 'relu' | 'topk' | 'jumprelu' | 'gated';

interface SaelensKind {
  readonly rule: Rule;
  readonly transcoder: boolean;
  readonly skip: boolean;
}

const of = (rule: Rule, transcoder = false, skip = false): SaelensKind => ({ rule, transcoder, skip });

/** What SAELens saves, by its own name; batchtopk and matryoshka are saved as jumprelu. */
export const SAELENS_KINDS = {
  standard: of('relu'),
  topk: of('topk'),
  jumprelu: of('jumprelu'),
  gated: of('gated'),
  transcoder: of('relu', true),
  skip_transcoder: of('relu', true, true),
  jumprelu_transcoder: of('jumprelu', true),
  jumprelu_skip_transcoder: of('jumprelu', true, true),
} as const satisfies Readonly<Record<string, SaelensKind>>;

/** Kinds whose features are no list of values ≥ 0 that one product and one threshold or rank give. */
const REFUSED: Readonly<Record<string, string>> = {
  matching_pursuit: 'its features are found one after the other on the residual, not by one product',
  temporal: 'its features of a token depend on the tokens before it',
  abstopk: 'its features may be negative',
};

/** `expected_average_only_in` and `covariance_whitening` are folded when a training ends: a saved dictionary does neither. */
const TRANSFORMS: Readonly<Record<string, InputTransform | undefined>> = {
  none: undefined,
  expected_average_only_in: undefined,
  covariance_whitening: undefined,
  constant_norm_rescale: 'scale',
  layer_norm: 'layernorm',
};

/** @throws InputError that names what SAELens has and this program has not */
export function parseSaelensSettings(file: string, value: unknown): SaelensSettings {
  const raw = new SettingsFields(file, value);
  const given = raw.inner('metadata');
  const version = raw.text('sae_lens_version') ?? given.text('sae_lens_version');
  const old = version === null || Number.parseInt(version, 10) < 6;
  const activation = raw.text('activation_fn') ?? raw.text('activation_fn_str');
  if (old && activation !== null && !['relu', 'topk'].includes(activation))
    throw raw.wrong(
      raw.has('activation_fn') ? 'activation_fn' : 'activation_fn_str',
      'relu or topk',
      'SAELens 6 reads no other either',
    );
  const oldTopk = old && activation === 'topk';
  const name = oldTopk ? 'topk' : (raw.text('architecture') ?? (old ? 'standard' : null));
  const architecture = architectureOf(raw, name);
  const normalize = normalizeOf(raw);
  const metadata = old ? raw : given;
  const head = metadata.get('hook_head_index') ?? metadata.get('hook_point_head_index');
  if (head !== undefined)
    throw new InputError(
      `Expected a dictionary of all heads of a site in ${file}, found one of head ${JSON.stringify(head)} alone (hook_head_index); sites of this program hold the vectors of all heads together, so that it cannot be applied.`,
      { file, head },
    );
  return {
    ...{ architecture, fields: raw, metadata, normalize },
    k: architecture === 'topk' ? kOf(raw, oldTopk) : null,
    applyBDec: applyBDecOf(raw, architecture),
    inputTransform: TRANSFORMS[normalize],
  };
}

function architectureOf(raw: SettingsFields, name: string | null): keyof typeof SAELENS_KINDS {
  if (name !== null && Object.hasOwn(SAELENS_KINDS, name)) return name as keyof typeof SAELENS_KINDS;
  const known = Object.keys(SAELENS_KINDS).join(', ');
  const why = name === null ? undefined : REFUSED[name];
  if (why === undefined)
    throw raw.wrong('architecture', `one of ${known}`, 'save the dictionary for inference (`save_inference_model`)');
  throw new InputError(
    `Expected a SAELens dictionary of kind ${known} in ${raw.file}, found ${name ?? ''}, which this program cannot apply: ${why}.`,
    { file: raw.file, architecture: name },
  );
}

function normalizeOf(raw: SettingsFields): string {
  const value = raw.get('normalize_activations');
  const text = value === undefined ? 'none' : typeof value === 'boolean' ? BOOLEAN_MODE[Number(value)] : value;
  if (typeof text === 'string' && Object.hasOwn(TRANSFORMS, text)) return text;
  throw raw.wrong(
    'normalize_activations',
    `one of ${Object.keys(TRANSFORMS).join(', ')}`,
    'update this program, or save it with SAELens 6',
  );
}

/** What false and true of the oldest files mean. */
const BOOLEAN_MODE = ['none', 'expected_average_only_in'] as const;

function kOf(raw: SettingsFields, old: boolean): number {
  return old ? raw.inner('activation_fn_kwargs').size('k') : raw.size('k');
}

/** Default true as in SAELens; a transcoder subtracts nothing, and a file that says otherwise is not SAELens'. */
function applyBDecOf(raw: SettingsFields, architecture: keyof typeof SAELENS_KINDS): boolean {
  const given = raw.boolean('apply_b_dec_to_input');
  if (!SAELENS_KINDS[architecture].transcoder) return given ?? true;
  if (given !== true) return false;
  throw raw.wrong('apply_b_dec_to_input', `false for a ${architecture}`, 'SAELens refuses such a file too');
}
