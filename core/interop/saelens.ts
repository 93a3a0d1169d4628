// Reads what SAELens saves for inference: cfg.json and sae_weights.safetensors. W_enc [d_in, d_sae] and W_dec [d_sae, d_out] there.
// Source: SAELens 6.54 (sae.py, topk_sae.py, jumprelu_sae.py, gated_sae.py, transcoder.py, activation_scaler.py). Proof:
// tests/golden/interop/saelens.test.ts, against activations and reconstructions recorded from it.
import { InputError } from '../../schemas/errors.js';
import { finishDictionary } from './finish.js';
import { foldDecoderNorms, foldInputScale } from './fold.js';
import { MODEL_DIGEST, parseSaelensSettings, SAELENS_KINDS, type SaelensSettings } from './saelens-settings.js';
import { SettingsFields } from './settings-fields.js';
import type { TakenDictionary, TakenTensor } from './taken-dictionary.js';
import type { TensorContainer } from './tensor-container.js';
import { TensorReader } from './tensor-reader.js';

export interface SaelensFiles {
  readonly cfg: { readonly name: string; readonly value: unknown };
  readonly weights: TensorContainer;
  /** activation_scaler.json of a checkpoint, where there is one. */
  readonly scaler: { readonly name: string; readonly value: unknown } | null;
}

/** @throws InputError where the files do not fit together, or hold what cannot be applied */
export async function readSaelens({ cfg, weights, scaler }: SaelensFiles): Promise<TakenDictionary> {
  const settings = parseSaelensSettings(cfg.name, cfg.value);
  const { architecture, fields, inputTransform, k } = settings;
  const { rule, skip, transcoder } = SAELENS_KINDS[architecture];
  const [read, features] = [fields.size('d_in'), fields.size('d_sae')];
  const write = transcoder ? fields.size('d_out') : read;
  const reader = new TensorReader(weights);
  await refuseScalingFactor(reader, weights.name);
  const stored = await readWeights(reader, { rule, skip, features, read, write });
  const notes: string[] = [];
  const rescaled = rescale(stored, { settings, notes, file: weights.name });
  const tensors = applyScaler(rescaled, { settings, scaler, notes });
  return finishDictionary({
    ...{ format: 'saelens', reader, architecture: rule, features, read, write, transcoder, skip },
    ...{ centred: settings.applyBDec, k: k ?? undefined, inputTransform, tensors, notes },
    source: sourceOf(settings, reader.typeOf('W_enc')),
  });
}

interface Wanted {
  readonly rule: keyof typeof VECTORS;
  readonly skip: boolean;
  readonly features: number;
  readonly read: number;
  readonly write: number;
}

const VECTORS = {
  relu: ['b_enc'],
  topk: ['b_enc'],
  jumprelu: ['b_enc', 'threshold'],
  gated: ['b_gate', 'r_mag', 'b_mag'],
} as const;

async function readWeights(
  reader: TensorReader,
  { rule, skip, features, read, write }: Wanted,
): Promise<Map<string, TakenTensor>> {
  const tensors = new Map<string, TakenTensor>();
  tensors.set('W_enc', await reader.matrix('W_enc', { rows: features, columns: read, lies: 'columns' }));
  for (const name of VECTORS[rule]) tensors.set(name, await vectorOf(reader, name, features));
  tensors.set('W_dec', await reader.matrix('W_dec', { rows: features, columns: write, lies: 'rows' }));
  tensors.set('b_dec', await reader.vector('b_dec', write));
  if (skip) tensors.set('W_skip', await reader.matrix('W_skip', { rows: write, columns: read, lies: 'rows' }));
  return tensors;
}

/** Older jumprelu files hold the logarithm of the threshold. */
async function vectorOf(reader: TensorReader, name: string, features: number): Promise<TakenTensor> {
  if (name !== 'threshold' || reader.has(name) || !reader.has('log_threshold')) return reader.vector(name, features);
  const { shape, values } = await reader.vector('log_threshold', features);
  return { shape, values: values.map(Math.exp) };
}

/** SAELens 5 multiplied features by such a tensor where it was told to; version 6 refuses the file, and so do we. */
async function refuseScalingFactor(reader: TensorReader, file: string): Promise<void> {
  if (!reader.has('scaling_factor')) return;
  const [features = 0] = reader.shapeOf('scaling_factor', 1);
  const { values } = await reader.vector('scaling_factor', features);
  const other = values.findIndex((value) => Math.abs(value - 1) > 1e-5);
  if (other < 0) return;
  throw new InputError(
    `Expected no scaling_factor but ones in ${file}, found ${values[other] ?? NaN} for feature ${other}; SAELens 6 does not read such a dictionary either: multiply the rows of W_dec by it and save anew.`,
    { file, feature: other },
  );
}

interface Folding {
  readonly settings: SaelensSettings;
  readonly notes: string[];
}

/** `rescale_acts_by_decoder_norm`: features are chosen and told in units of decoder norm 1. */
function rescale(
  tensors: Map<string, TakenTensor>,
  { settings, notes, file }: Folding & { readonly file: string },
): Map<string, TakenTensor> {
  if (settings.architecture !== 'topk' || settings.fields.boolean('rescale_acts_by_decoder_norm') !== true)
    return tensors;
  notes.push(
    'rescale_acts_by_decoder_norm: the norms of the decoder rows are folded into the encoder, which SAELens multiplies by them.',
  );
  return foldDecoderNorms(tensors, file);
}

/** What SAELens folds at the end of a training and has not yet folded in a checkpoint. */
function applyScaler(
  tensors: Map<string, TakenTensor>,
  { settings, scaler, notes }: Folding & Pick<SaelensFiles, 'scaler'>,
): Map<string, TakenTensor> {
  const { normalize, fields } = settings;
  if (normalize !== 'expected_average_only_in' && normalize !== 'covariance_whitening') return tensors;
  const given = scaler === null ? null : new SettingsFields(scaler.name, scaler.value);
  if (given?.boolean('has_whitening') === true)
    throw fields.wrong(
      'normalize_activations',
      'folded into the weights',
      'the file is of a training that has not ended: call fold_activation_whitening before it is saved',
    );
  const scale = given?.number('scaling_factor') ?? null;
  if (scale === null) {
    notes.push(
      `normalize_activations is ${normalize}, which SAELens folds into the weights when a training ends; no file tells what was to be folded, so that the weights are applied to raw activations as they are, as SAELens does. If they were never folded, every number is wrong.`,
    );
    return tensors;
  }
  if (!(scale > 0 && Number.isFinite(scale)))
    throw (given as SettingsFields).wrong('scaling_factor', 'a number above 0', 'take another checkpoint');
  notes.push(
    `The scale ${scale} of activation_scaler.json is folded into the weights, as SAELens does when a training ends.`,
  );
  return foldInputScale(tensors, scale);
}

function sourceOf({ architecture, metadata, fields }: SaelensSettings, type: string): TakenDictionary['source'] {
  const hook = metadata.text('hook_name') ?? metadata.text('hook_point');
  return {
    kind: architecture,
    model: metadata.text('model_name'),
    reads: listOf(hook),
    writes: listOf(SAELENS_KINDS[architecture].transcoder ? metadata.text('hook_name_out') : hook),
    contextTokens: metadata.number('context_size'),
    prepended: metadata.boolean('prepend_bos'),
    modelDigest: metadata.text(MODEL_DIGEST) ?? undefined,
    dtype: fields.text('dtype') ?? type,
  };
}

function listOf(site: string | null): readonly string[] | null {
  return site === null || site === '' ? null : [site];
}
