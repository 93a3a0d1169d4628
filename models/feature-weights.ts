// The weights that edits of features need, from a dictionary's safetensors file: the decoder rows of the edited features, and what
// their values are computed from: their own rows where the kind allows it, else whole tensors, which ONNX Runtime maps from the file.
import { ARCHITECTURES } from '../core/dictionaries/architectures.js';
import { featureAxis, INDEPENDENT } from '../core/dictionaries/edit-features.js';
import type { NamedSites } from '../core/dictionaries/sites.js';
import { type DictionaryShape, parametersOf } from '../core/dictionaries/state.js';
import { wiringOf } from '../core/dictionaries/wirings.js';
import type { EditTensor } from '../core/hooks/edit-value.js';
import { asFloat32, type TensorPlace } from '../core/tensor/safetensors.js';
import { DataError } from '../schemas/errors.js';
import type { ResolvedFeatureEdit } from '../schemas/model-edits.js';
import { SafetensorsFile } from '../storage/files/safetensors-file.js';

/** A tensor that stays in its file. */
export interface MappedTensor {
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

export interface FeatureWeights {
  /** The file; what maps tensors names it by the dictionary's digest. */
  readonly path: string;
  /** Edited features in order: columns of what is computed, where the kind allows it. */
  readonly features: readonly number[];
  /** The dictionary whose inference is computed: all of it, or the edited features alone. */
  readonly shape: DictionaryShape & { readonly sites: NamedSites };
  /** Its tensors by name. */
  readonly tensors: ReadonlyMap<string, EditTensor | MappedTensor>;
  /** Rows of W_dec of the edited features, for each site written: [n, d]. */
  readonly rows: readonly EditTensor[];
}

/** Tensors below this are read: ORT takes shapes and constants from the graph. */
const MAPPED_BYTES = 4096;

/** @throws DataError where the file is not that of the dictionary */
export async function readFeatureWeights(edit: ResolvedFeatureEdit, path: string): Promise<FeatureWeights> {
  const shape = shapeOf(edit);
  const features = [...new Set(edit.changes.map(({ feature }) => feature))].sort((a, b) => a - b);
  const file = await SafetensorsFile.open(path);
  try {
    for (const parameter of parametersOf(shape)) placeOf(file, path, parameter);
    const alone = INDEPENDENT[edit.dictionary.architecture];
    const tensors = new Map<string, EditTensor | MappedTensor>();
    for (const parameter of parametersOf(shape)) {
      const { name } = parameter;
      const axis = featureAxis(shape, name);
      const place = placeOf(file, path, parameter);
      if (alone && axis >= 0) tensors.set(name, await rowsOf(file, name, { axis, features }));
      else if (place.to - place.from < MAPPED_BYTES) tensors.set(name, await wholeOf(file, name));
      else tensors.set(name, { shape: parameter.shape, offset: place.from, length: place.to - place.from });
    }
    const rows: EditTensor[] = [];
    for (const { name } of wiringOf(shape).decoders) rows.push(await rowsOf(file, name, { axis: 0, features }));
    return { path, features, shape: alone ? { ...shape, features: features.length } : shape, tensors, rows };
  } finally {
    await file.close();
  }
}

/** What an edited dictionary's tensors and graph follow from. */
export function shapeOf({ dictionary }: Pick<ResolvedFeatureEdit, 'dictionary'>): FeatureWeights['shape'] {
  const { architecture, features, sites } = dictionary;
  return { kind: ARCHITECTURES[architecture], features, sites };
}

function placeOf(
  file: SafetensorsFile,
  path: string,
  { name, shape }: { readonly name: string; readonly shape: readonly number[] },
): TensorPlace {
  const place = file.places.get(name);
  if (place?.dtype === 'F32' && place.shape.join() === shape.join()) return place;
  const found = place ? `${place.dtype} [${place.shape.join(', ')}]` : 'none';
  throw new DataError(
    `Expected the dictionary's tensor ${name} as F32 [${shape.join(', ')}] in ${path}, found ${found}. The cached file is damaged: remove it.`,
    { path, tensor: name },
  );
}

async function wholeOf(file: SafetensorsFile, name: string): Promise<EditTensor> {
  const tensor = await file.read(name);
  if (tensor) return { shape: tensor.shape, data: asFloat32(tensor) };
  throw new DataError(`Expected a tensor ${name} in a dictionary's file, found none.`, { tensor: name });
}

/** Slices of a tensor along its axis of features. */
async function rowsOf(
  file: SafetensorsFile,
  name: string,
  { axis, features }: { readonly axis: number; readonly features: readonly number[] },
): Promise<EditTensor> {
  const { shape } = file.places.get(name) ?? { shape: [] };
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const stride = (shape[axis] ?? 0) * inner;
  const data = new Float32Array(outer * features.length * inner);
  for (let o = 0; o < outer; o++) {
    for (const [n, feature] of features.entries()) {
      const row = await file.readFloats(name, { from: o * stride + feature * inner, count: inner });
      data.set(row, (o * features.length + n) * inner);
    }
  }
  return { shape: shape.map((size, i) => (i === axis ? features.length : size)), data };
}
