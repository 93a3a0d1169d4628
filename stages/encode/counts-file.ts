// The counts object of an encode commit: the arrays that only the metrics need, in one small safetensors file, so that
// nobody who reads commits carries them. No table of a dataset: found through the commit's objects alone.
//   per_document F64 [documents, 4]: rows, Σ‖x − c‖², Σ‖e‖², firings of each document with rows, in the order
//     of documents; c = Σ x / rows of the shard
//   sum_x F64 [d]: Σ x      fired U32 [F]: firings of each feature
import { readFile } from 'node:fs/promises';
import {
  decodeSafetensors,
  encodeSafetensors,
  safeTensor,
  type SafetensorsDtype,
} from '../../core/tensor/safetensors.js';
import { DataError } from '../../schemas/errors.js';
import { writeChunks } from '../../storage/files/local-file.js';
import type { SpoolFile } from '../stage.js';

/** What the object is called among a commit's objects. */
export const COUNTS = 'counts';
/** Numbers per document in `perDocument`: rows, Σ‖x − c‖², Σ‖e‖², firings. */
export const PER_DOCUMENT = 4;

/** Sums of one shard, float64 added in token order. */
export interface ShardCounts {
  /** [documents, 4] */
  readonly perDocument: Float64Array;
  /** [d] */
  readonly sumX: Float64Array;
  /** [F] */
  readonly fired: Uint32Array;
}

/** The sizes that a shard's counts must have. */
export interface CountsShape {
  readonly documents: number;
  readonly width: number;
  readonly features: number;
}

/** Writes a shard's counts to a spool file; equal counts and metadata give equal bytes. */
export async function writeCounts(
  path: string,
  { perDocument, sumX, fired }: ShardCounts,
  metadata: Readonly<Record<string, string>>,
): Promise<SpoolFile> {
  // The eight-byte numbers first: every tensor begins at a multiple of its own size.
  const tensors = new Map([
    ['per_document', safeTensor(perDocument, [perDocument.length / PER_DOCUMENT, PER_DOCUMENT])],
    ['sum_x', safeTensor(sumX, [sumX.length])],
    ['fired', safeTensor(fired, [fired.length], 'U32')],
  ]);
  const file = await writeChunks(path, encodeSafetensors(tensors, metadata));
  return { ...file, table: COUNTS, extension: 'safetensors', rows: fired.length, batches: [] };
}

/** The counts in a local file. @throws DataError that names shard and tensor where one has another type or shape */
export async function readCounts(
  path: string,
  shard: string,
  { documents, width, features }: CountsShape,
): Promise<ShardCounts> {
  const counts = decodeCounts(await readFile(path));
  const sizes = [
    ['per_document', counts.perDocument.length, documents * PER_DOCUMENT],
    ['sum_x', counts.sumX.length, width],
    ['fired', counts.fired.length, features],
  ] as const;
  for (const [tensor, found, expected] of sizes) {
    if (found === expected) continue;
    throw new DataError(
      `Expected ${expected} numbers in tensor ${tensor} of the counts of encode commit ${shard}, found ${found}; dictionary or shard have other sizes than the index was planned for: run \`assay resume --mode all\` to encode it again.`,
      { shard, tensor, expected, found },
    );
  }
  return counts;
}

/** The counts in a file's bytes. @throws DataError where a tensor is missing or of another type */
export function decodeCounts(bytes: Uint8Array): ShardCounts {
  const tensors = decodeSafetensors(bytes);
  const values = (name: string, dtype: SafetensorsDtype): ArrayBuffer => {
    const tensor = tensors.get(name);
    if (tensor?.dtype === dtype) return new Uint8Array(tensor.bytes).buffer;
    throw new DataError(
      `Expected tensor ${name} of type ${dtype} in an encode commit's counts, found ${tensor?.dtype ?? 'none'}; run \`assay resume --mode all\` to encode it again.`,
      { tensor: name, expected: dtype, found: tensor?.dtype ?? null },
    );
  };
  return {
    perDocument: new Float64Array(values('per_document', 'F64')),
    sumX: new Float64Array(values('sum_x', 'F64')),
    fired: new Uint32Array(values('fired', 'U32')),
  };
}
