// A folder as Hugging Face saves models (config.json and safetensors) as an ONNX model: the graph is written here, in memory; its
// weights stay in the folder's files, to which it refers. Nothing is written to disk and no weight is read.
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describeDecoder, type DescribedDecoder } from '../../core/decoders/families.js';
import { matchTensors, type MatchedTensor } from '../../core/decoders/match-tensors.js';
import { writeDecoder } from '../../core/decoders/write-decoder.js';
import { encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import { refuseAdapter } from './adapter.js';
import { readStoredTensors } from './stored-tensors.js';

export interface FolderModel {
  /** The graph's bytes; the same for the same folder on every machine. */
  readonly onnx: Uint8Array;
  /** Where the files lie to which it refers, by the names that it uses, in order. */
  readonly weights: readonly { readonly location: string; readonly path: string }[];
  /** As users call the family. */
  readonly family: string;
  /** Longest context that the model was made for. */
  readonly maxPositions: number;
  /** The tensor that each site is, by construction. */
  readonly sites: ReadonlyMap<string, string>;
}

/** Largest config.json. */
const MAX_CONFIG_BYTES = 10_000_000;
const PIECE_BYTES = 2 ** 20;

/**
 * The model of a folder with config.json and safetensors.
 * @throws InputError for families and settings that are not supported, and files that do not fit each other
 */
export async function writeFolderModel(folder: string): Promise<FolderModel> {
  const file = path.join(folder, 'config.json');
  await refuseAdapter(folder);
  const decoder = await readConfig(file);
  const stored = await readStoredTensors(folder);
  const { tensors, copies } = within(folder, () => matchTensors(decoder, stored.tensors));
  for (const pair of copies) await requireEqual(folder, pair, stored.paths);
  const { model, sites } = writeDecoder(decoder, tensors);
  const used = new Set([...tensors.values()].map((tensor) => tensor.file));
  return {
    onnx: joinChunks(encodeModel(model)),
    weights: [...used].sort().map((location) => ({ location, path: stored.paths.get(location) ?? '' })),
    family: decoder.family.title,
    maxPositions: decoder.spec.maxPositions,
    sites,
  };
}

async function readConfig(file: string): Promise<DescribedDecoder> {
  let json: unknown;
  try {
    const bytes = await readFile(file);
    if (bytes.length > MAX_CONFIG_BYTES) throw new RangeError(`${bytes.length} bytes`);
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    passMachineFault(error);
    throw new InputError(
      `Expected a JSON object in "${file}", found none (${(error as Error).message.slice(0, 200)}). Save the model anew with save_pretrained.`,
      { path: file },
      { cause: error },
    );
  }
  return within(file, () => describeDecoder(json));
}

/** Names the file or folder in what a check throws. */
function within<T>(place: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${place}: ${error.message}`, { ...error.details, path: place }, { cause: error });
  }
}

/** A stored unembedding beside a tied embedding must be a copy of it: transformers takes the embedding. */
async function requireEqual(
  folder: string,
  [one, other]: readonly [MatchedTensor, MatchedTensor],
  paths: ReadonlyMap<string, string>,
): Promise<void> {
  const places = [one, other].map((tensor) => ({ ...tensor, path: paths.get(tensor.file) ?? '' }));
  const [a, b] = places as [(typeof places)[number], (typeof places)[number]];
  if (a.dtype === b.dtype && (await sameBytes(a, b))) return;
  const found =
    a.dtype === b.dtype
      ? `"${one.name}" and "${other.name}" differ`
      : `"${one.name}" is stored as ${a.dtype} and "${other.name}" as ${b.dtype}: no copy of it`;
  throw new InputError(
    `${folder}: tie_word_embeddings says that the embedding is the unembedding, but ${found}. Set it to false in config.json where the model has both; else remove "${other.name}" from the weights.`,
    { path: folder, tensors: [one.name, other.name] },
  );
}

interface Place {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

/** Compares two ranges of bytes piece by piece. */
async function sameBytes(a: Place, b: Place): Promise<boolean> {
  const [left, right] = [await open(a.path), await open(b.path)];
  try {
    for (let at = 0; at < a.bytes; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, a.bytes - at);
      const [one, two] = [Buffer.alloc(length), Buffer.alloc(length)];
      await left.read(one, 0, length, a.offset + at);
      await right.read(two, 0, length, b.offset + at);
      if (!one.equals(two)) return false;
    }
    return true;
  } finally {
    await left.close();
    await right.close();
  }
}
