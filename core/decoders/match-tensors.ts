// Matches the tensors that a decoder reads with those that its files store: by name, shape and element type. What is missing,
// does not fit or is left over is refused by name: values would not be the model's. Reads no data.
import { InputError } from '../../schemas/errors.js';
import { EXPORT_ADVICE } from './config-fields.js';
import { listRows, type TensorRow } from './decoder-tensors.js';
import type { DescribedDecoder } from './families.js';

/** Element types of stored weights that the graph reads (all but float32 through a Cast). */
export const WEIGHT_TYPES = {
  F32: 'float32',
  BF16: 'bfloat16',
  F16: 'float16',
  F64: 'float64',
} as const;
export type WeightType = keyof typeof WEIGHT_TYPES;

/** A tensor of a safetensors file. */
export interface StoredTensor {
  /** As the file writes it: F32, BF16, F8_E4M3, … */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The file's name in the model's folder. */
  readonly file: string;
  /** First byte in the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface MatchedTensor extends StoredTensor {
  readonly dtype: WeightType;
  readonly name: string;
}

export interface MatchedTensors {
  /** By the row's name, as the class with logits would store it. */
  readonly tensors: ReadonlyMap<string, MatchedTensor>;
  /** A stored unembedding beside a tied embedding: the two must hold the same bytes. */
  readonly copies: readonly (readonly [MatchedTensor, MatchedTensor])[];
}

const MANY = 3;

/** @throws InputError for the first tensors that are missing, of another shape, of a type that we do not read, or left over */
export function matchTensors(decoder: DescribedDecoder, stored: ReadonlyMap<string, StoredTensor>): MatchedTensors {
  const { family, rows } = decoder;
  const listed = listRows(rows);
  const nameOf = storedNames(decoder, stored);
  const missing = listed.filter(({ name }) => !stored.has(nameOf(name)));
  if (missing.length > 0)
    throw missingTensors(
      decoder,
      missing.map(({ name }) => nameOf(name)),
    );
  const tensors = new Map(
    listed.map((row) => [row.name, fitting(row, nameOf(row.name), stored.get(nameOf(row.name)))]),
  );
  const used = new Set([...tensors.values()].map(({ name }) => name));
  const extra = [...stored.keys()].filter(
    (name) => !used.has(name) && !family.buffers.some((buffer) => buffer.test(name)),
  );
  const tied = rows.unembedding === null && extra.includes(family.unembedding);
  const surplus = tied ? extra.filter((name) => name !== family.unembedding) : extra;
  if (surplus.length > 0) throw surplusTensors(decoder, surplus);
  if (!tied) return { tensors, copies: [] };
  const row = { name: family.unembedding, shape: rows.embedding.shape };
  const copy = fitting(row, row.name, stored.get(row.name));
  return { tensors, copies: [[tensors.get(rows.embedding.name) as MatchedTensor, copy]] };
}

/** How names are stored: as the class with logits does, or without its prefix, as the class without does. */
function storedNames(
  { family, rows }: DescribedDecoder,
  stored: ReadonlyMap<string, StoredTensor>,
): (name: string) => string {
  const { prefix } = family;
  const bare = (name: string): string => (name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const isBare = !stored.has(rows.embedding.name) && stored.has(bare(rows.embedding.name));
  return isBare ? bare : (name) => name;
}

function fitting(row: TensorRow, name: string, found: StoredTensor | undefined): MatchedTensor {
  const { dtype, shape, file, offset, bytes } = found as StoredTensor;
  if (!Object.hasOwn(WEIGHT_TYPES, dtype))
    throw new InputError(
      `Expected weights of the types ${Object.keys(WEIGHT_TYPES).join(', ')}, found ${dtype} in tensor "${name}" (${file}). Save the model without quantisation, or export it with torch.onnx.`,
      { tensor: name, file, dtype },
    );
  if (shape.length !== row.shape.length || shape.some((size, i) => size !== row.shape[i]))
    throw new InputError(
      `Expected tensor "${name}" with the shape [${row.shape.join(', ')}], as config.json tells, found [${shape.join(', ')}] in ${file}. Take config.json and weights from one model.`,
      { tensor: name, file, expected: row.shape, found: shape },
    );
  const size = dtype === 'F64' ? 8 : dtype === 'F32' ? 4 : 2;
  if (offset % size !== 0)
    throw new InputError(
      `Expected tensor "${name}" at a multiple of ${size} bytes in ${file}, found it at ${offset}: it cannot be mapped from the file. Save the model anew with save_pretrained.`,
      { tensor: name, file, offset },
    );
  return { name, dtype: dtype as WeightType, shape, file, offset, bytes };
}

function missingTensors({ family, rows }: DescribedDecoder, names: readonly string[]): InputError {
  const unembedding = names.length === 1 && names[0] === family.unembedding && rows.unembedding;
  const advice = unembedding
    ? 'Set tie_word_embeddings to true in config.json where the embedding is the unembedding too; else save the model with its logits'
    : 'Take config.json and all weights from one model, as save_pretrained writes them';
  return new InputError(`Expected the tensors of ${family.title}, found no ${listed(names)}. ${advice}.`, {
    missing: names,
  });
}

function surplusTensors({ family }: DescribedDecoder, names: readonly string[]): InputError {
  return new InputError(
    `Expected the tensors of ${family.title} alone, found also ${listed(names)}, which config.json gives no place. Take config.json and weights from one model. Else: ${EXPORT_ADVICE}.`,
    { surplus: names },
  );
}

function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, MANY)
    .map((name) => `"${name}"`)
    .join(', ');
  return names.length <= MANY ? shown : `${shown} and ${names.length - MANY} more`;
}
