// Reads the transcoders of circuit-tracer. config.yaml names their kind and sites (`model_kind`, `feature_input_hook`,
// `feature_output_hook`, `model_name`).
//
//   transcoder_set           layer_N.safetensors: W_enc [F, d]  W_dec [F, d]  b_enc [F]  b_dec [d]
//                            (activation_function.threshold [F])  (W_skip [d, d], x W_skipᵀ)
//   cross_layer_transcoder   W_enc_N.safetensors: W_enc_N [F, d]  b_enc_N [F]  b_dec_N [d]  (threshold_N [F])
//                            W_dec_N.safetensors: W_dec_N [F, L − N, d], rows of feature i to the layers N … L − 1
//
//   f = relu(W_enc x + b_enc), or z 1[z > threshold];   of a cross-layer one   y_m = Σ_{l ≤ m} W_dec^{l → m}ᵀ f^l + b_dec^m
// Source: circuit-tracer 0.5 (single_layer_transcoder.py, cross_layer_transcoder.py). A negative threshold would let negative values
// through there (no relu), which cannot be stored: refused. Proof: tests/golden/interop/circuit-tracer.test.ts.
import { InputError } from '../../schemas/errors.js';
import { finishDictionary } from './finish.js';
import { notesOfLeft } from './left-behind.js';
import type { SettingsFields } from './settings-fields.js';
import type { SourceFacts, TakenDictionary, TakenTensor } from './taken-dictionary.js';
import type { TensorContainer } from './tensor-container.js';
import { TensorReader } from './tensor-reader.js';

const THRESHOLD = 'activation_function.threshold';

/** One layer of a transcoder set. @param config null where there is no config.yaml */
export async function readLayerTranscoder(
  weights: TensorContainer,
  layer: number,
  config: SettingsFields | null,
): Promise<TakenDictionary> {
  const reader = new TensorReader(weights);
  const [features = 0] = reader.shapeOf('b_enc', 1);
  const [write = 0] = reader.shapeOf('b_dec', 1);
  const [first = 0, second = 0] = reader.shapeOf('W_enc', 2);
  const read = first === features ? second : first;
  const tensors = new Map<string, TakenTensor>();
  tensors.set('W_enc', await reader.matrix('W_enc', { rows: features, columns: read, lies: 'either' }));
  tensors.set('b_enc', await reader.vector('b_enc', features));
  const jump = reader.has(THRESHOLD);
  if (jump) tensors.set('threshold', notNegative(await reader.vector(THRESHOLD, features), weights.name));
  tensors.set('W_dec', await reader.matrix('W_dec', { rows: features, columns: write, lies: 'either' }));
  tensors.set('b_dec', await reader.vector('b_dec', write));
  const skip = reader.has('W_skip');
  if (skip) tensors.set('W_skip', await reader.matrix('W_skip', { rows: write, columns: read, lies: 'rows' }));
  return finishDictionary({
    ...{
      format: 'circuit-tracer',
      reader,
      architecture: jump ? 'jumprelu' : 'relu',
      features,
      read,
      write,
    },
    ...{ transcoder: true, centred: false, skip, tensors, notes: [] },
    source: sourceOf(config, { kind: 'transcoder_set', layers: [layer], dtype: reader.typeOf('W_enc') }),
  });
}

/** One file or two of each layer. */
export interface CrossLayerFiles {
  /** What messages call the folder. */
  readonly name: string;
  /** W_enc_N and W_dec_N by N. */
  readonly encoders: readonly TensorContainer[];
  readonly decoders: readonly TensorContainer[];
  readonly config: SettingsFields | null;
}

/** A cross-layer transcoder. @throws InputError where layers are missing or do not fit together */
export async function readCrossLayer({ name, encoders, decoders, config }: CrossLayerFiles): Promise<TakenDictionary> {
  const layers = encoders.length;
  if (decoders.length !== layers || layers < 2)
    throw new InputError(
      `Expected W_enc_N and W_dec_N of two layers or more in ${name}, found ${layers} encoders and ${decoders.length} decoders; give the whole folder.`,
      { file: name, encoders: layers, decoders: decoders.length },
    );
  const readers = encoders.map((container) => new TensorReader(container));
  const [features = 0, width = 0] = (readers[0] as TensorReader).shapeOf('W_enc_0', 2);
  const jump = (readers[0] as TensorReader).has('threshold_0');
  const tensors = new Map<string, TakenTensor>();
  const [b_enc, threshold] = [new Float32Array(layers * features), new Float32Array(layers * features)];
  for (const [l, reader] of readers.entries()) {
    tensors.set(`W_enc.${l}`, await reader.matrix(`W_enc_${l}`, { rows: features, columns: width, lies: 'rows' }));
    b_enc.set((await reader.vector(`b_enc_${l}`, features)).values, l * features);
    tensors.set(`b_dec.${l}`, await reader.vector(`b_dec_${l}`, width));
    if (jump) threshold.set(notNegative(await reader.vector(`threshold_${l}`, features), name).values, l * features);
  }
  tensors.set('b_enc', { shape: [layers * features], values: b_enc });
  if (jump) tensors.set('threshold', { shape: [layers * features], values: threshold });
  const decoded = decoders.map((container) => new TensorReader(container));
  const rows = await readDecoders(decoded, { layers, features, width });
  for (const [m, tensor] of rows.entries()) tensors.set(`W_dec.${m}`, tensor);
  const dtype = (readers[0] as TensorReader).typeOf('W_enc_0');
  const notes = [...readers, ...decoded].flatMap((reader) => notesOfLeft(reader, { kind: 'cross_layer_transcoder' }));
  const each = Array.from({ length: layers }, (_, layer) => layer);
  return {
    ...{ format: 'circuit-tracer', wiring: 'crossLayer', tensors, notes },
    ...{ readWidths: each.map(() => width), writeWidths: each.map(() => width) },
    settings: { architecture: jump ? 'jumprelu' : 'relu', features, crossLayer: true },
    source: sourceOf(config, { kind: 'cross_layer_transcoder', layers: each, dtype }),
  };
}

/** By the layer written: W_dec.m [(m + 1) F, d], the rows of layers 0 … m one after the other. */
async function readDecoders(
  decoders: readonly TensorReader[],
  { layers, features, width }: { readonly layers: number; readonly features: number; readonly width: number },
): Promise<TakenTensor[]> {
  const result = Array.from({ length: layers }, (_, m) => {
    const shape = [(m + 1) * features, width];
    return { shape, values: new Float32Array((m + 1) * features * width) };
  });
  for (const [l, reader] of decoders.entries()) {
    const tensor = await reader.whole(`W_dec_${l}`, [features, layers - l, width]);
    for (let i = 0; i < features; i++)
      for (let m = l; m < layers; m++) {
        const from = (i * (layers - l) + m - l) * width;
        result[m]?.values.set(tensor.values.subarray(from, from + width), (l * features + i) * width);
      }
  }
  return result;
}

function notNegative(threshold: TakenTensor, file: string): TakenTensor {
  const at = threshold.values.findIndex((value) => value < 0);
  if (at < 0) return threshold;
  throw new InputError(
    `Expected thresholds from 0 in ${file}, found ${threshold.values[at] ?? NaN} for feature ${at}; circuit-tracer lets negative features through there, which cannot be stored. Raise it to 0 if that is what was meant.`,
    { file, feature: at },
  );
}

function sourceOf(
  config: SettingsFields | null,
  { kind, layers, dtype }: { readonly kind: string; readonly layers: readonly number[]; readonly dtype: string },
): SourceFacts {
  const sites = (name: string): readonly string[] | null => {
    const hook = config?.text(name) ?? null;
    return hook === null ? null : layers.map((layer) => `blocks.${layer}.${hook}`);
  };
  return {
    ...{ kind, model: config?.text('model_name') ?? null, dtype, contextTokens: null, prepended: null },
    ...{ reads: sites('feature_input_hook'), writes: sites('feature_output_hook') },
  };
}
