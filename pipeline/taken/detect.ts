// Which program wrote a folder or file of a dictionary, told by what is in it: the fields of its settings and the names of its
// tensors, and of file names only which are there. What cannot be told is refused with what was looked for; nothing is guessed.
import type { TensorContainer } from '../../core/interop/tensor-container.js';
import type { TakenFormat } from '../../schemas/taken.js';
import { fileIn, openTensors, readJson, readYaml, type Place } from './place.js';

/** One dictionary, or a cross-layer one or set of layers as one format has it, and the file that holds its weights. */
export interface Detected {
  readonly format: TakenFormat;
  /** Path of the file with the weights; null where there is one per layer. */
  readonly weights: string | null;
}

/** Files beside weights that hold tensors and are no dictionary. */
const BESIDE = /^(sparsity|activations_store_state|activation_whitening|feature_statistics)\b|optimizer|state\.pt$/;
const TENSOR_FILE = /\.(safetensors|npz|pt|pth)$/;
const LAYER_FILE = /^(layer_\d+|W_(enc|dec)_\d+)\.safetensors$/;

/** What the place is by itself; null where it is none of the formats (it may hold several). */
export async function detect(place: Place): Promise<Detected | null> {
  if (await isCircuitTracer(place)) return { format: 'circuit-tracer', weights: null };
  const files = place.files.filter((name) => TENSOR_FILE.test(name) && !BESIDE.test(name));
  for (const name of files) {
    const file = fileIn(place, name);
    const format = await formatOf(place, await openTensors(file));
    if (format !== null) return { format, weights: file };
  }
  return null;
}

async function isCircuitTracer(place: Place): Promise<boolean> {
  if (place.isFile) return false;
  const config = await readYaml(place, 'config.yaml');
  if ((config?.text('model_kind') ?? null) !== null) return true;
  return place.files.some((name) => LAYER_FILE.test(name)) && !place.files.includes('cfg.json');
}

async function formatOf(place: Place, container: TensorContainer): Promise<TakenFormat | null> {
  const { kind, tensors, values } = container;
  const has = (name: string): boolean => tensors.has(name);
  if (kind === 'npz') return (has('W_enc') || has('w_enc')) && has('threshold') ? 'gemma-scope' : null;
  if (kind === 'torch') {
    if (has('pre_bias') && has('latent_bias')) return 'openai';
    return has('encoder.weight') || (has('W_enc') && has('b_dec')) ? 'dictionary_learning' : null;
  }
  if (values.has('architecture') && values.has('units') && (has('W_enc') || has('W_enc.0'))) return 'assay';
  const cfg = await readJson(place, 'cfg.json');
  const fields = (cfg?.value ?? {}) as Record<string, unknown>;
  if ('d_sae' in fields && ('architecture' in fields || has('W_enc'))) return 'saelens';
  const counted = 'expansion_factor' in fields || 'num_latents' in fields;
  return counted && 'd_in' in fields && (has('encoder.weight') || has('W_enc')) ? 'sparsify' : null;
}
