// A model of the same shape that was never trained: the entries of each weight matrix change places, so that each keeps its values and
// loses what it learned. What a dictionary finds there is no work of the model (Heap et al. 2025, arXiv 2501.17727): a control.
//
//   W'_π(i) = W_i,  π uniform among the permutations of the entries of W, drawn by (seed, name of the tensor)
//
// Biases, gains of norms and position tables stay. Departure: Heap et al. draw normal values of the same mean and variance; a
// permutation keeps the whole distribution, and is the same for every type of number.
import { findEmbedding } from '../core/hooks/embedding.js';
import { weightMatrices } from '../core/hooks/weight-matrices.js';
import { graphOf } from '../core/onnx/cut.js';
import { indexGraph } from '../core/onnx/graph-index.js';
import type { TensorProto } from '../core/onnx/proto.js';
import { elementCount, storedBytes } from '../core/onnx/stored-size.js';
import { KeyedRandom } from '../core/tensor/random.js';
import { InputError } from '../schemas/errors.js';
import { openModel } from './open-model.js';
import { writeModelFiles, type WrittenModel } from './write-model.js';

export interface RandomisedModel extends WrittenModel {
  readonly model: string;
  readonly matrices: number;
  /** Entries of the matrices together. */
  readonly weights: number;
}

/**
 * Writes the model in `given` with the entries of its weight matrices permuted. @param out the ONNX file to write
 * @throws InputError where it is no model that this program knows, or has no weight matrix of its own; ResourceError where writing fails
 */
export async function writeRandomised(
  given: string,
  { out, seed }: { readonly out: string; readonly seed: number },
): Promise<RandomisedModel> {
  const { path, model, summary } = await openModel(given);
  const index = indexGraph(graphOf(model));
  const matrices = weightMatrices(index, findEmbedding(index));
  const inside = matrices.filter((tensor) => index.initializers.get(tensor.name ?? '') !== tensor || isList(tensor));
  if (inside.length > 0 || matrices.length === 0)
    throw new InputError(
      `${path}: expected weight matrices as initializers of raw bytes, found ${matrices.length === 0 ? 'none' : `${inside.length} of ${matrices.length} in another form`}. Export the model anew.`,
      { path, matrices: matrices.length, otherwise: inside.length },
    );
  const changed = new Map(
    matrices.map((tensor) => [tensor.name ?? '', (bytes: Uint8Array) => permuted(tensor, bytes, seed)] as const),
  );
  const written = await writeModelFiles(model, {
    ...{ file: out, external: summary.files.slice(1), changed },
    sources: summary.files.map((file) => file.path),
  });
  return {
    ...written,
    model: path,
    matrices: matrices.length,
    weights: matrices.reduce((sum, tensor) => sum + elementCount(tensor), 0),
  };
}

/** Numbers in lists of the message, as few exporters write them. */
function isList({ floatData, int32Data }: TensorProto): boolean {
  return floatData.length > 0 || int32Data.length > 0;
}

/** Elements of a byte or less change places as bytes. */
function permuted(tensor: TensorProto, bytes: Uint8Array, seed: number): Uint8Array {
  const size = Math.max(1, Math.floor((storedBytes(tensor) ?? 0) / Math.max(1, elementCount(tensor))));
  const copy = Uint8Array.from(bytes);
  const random = new KeyedRandom('randomise-model', tensor.name ?? '', seed);
  const count = copy.byteLength / size;
  if (size === 1) shuffle(copy, random);
  else if (size === 2) shuffle(new Uint16Array(copy.buffer, 0, count), random);
  else if (size === 4) shuffle(new Uint32Array(copy.buffer, 0, count), random);
  else shuffle(new BigUint64Array(copy.buffer, 0, copy.byteLength / 8), random);
  return copy;
}

function shuffle<T>(values: { readonly length: number; [at: number]: T }, random: KeyedRandom): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.nextInt(i + 1);
    const value = values[i] as T;
    values[i] = values[j] as T;
    values[j] = value;
  }
}
