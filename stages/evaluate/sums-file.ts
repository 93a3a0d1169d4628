// The sums object of a measured shard, one safetensors file, float64 added in token order:
//   documents F64 [n]                 numbers of the documents, ascending
//   rows F64 [n, 2]                   rows, Σ‖x − c‖² of each document, c the mean of all measured rows
//   shift F64 [d]                     Σ (x − c), over what is written, end to end
//   subject/NAME F64 [n, 5]           Σ of NUMBERS of each document
//   losses F64 [n, 5]                 predicted tokens, nats of the clean model, with the dictionary, with the calib mean, with zeros
//   fired U32 [F]                     rows on which each feature fires
import { readFile } from 'node:fs/promises';
import { NUMBERS } from '../../core/dictionaries/evaluate-graph.js';
import { decodeSafetensors, encodeSafetensors, safeTensor, type SafeTensor } from '../../core/tensor/safetensors.js';
import { DataError } from '../../schemas/errors.js';
import { writeChunks } from '../../storage/files/local-file.js';
import type { SpoolFile } from '../stage.js';

export const LOSS_COLUMNS = ['tokens', 'clean', 'dictionary', 'mean', 'zero'] as const;

export interface ShardSums {
  readonly documents: Float64Array;
  readonly rows: Float64Array;
  readonly shift: Float64Array;
  readonly subjects: ReadonlyMap<string, Float64Array>;
  /** Null where the model has no logits. */
  readonly losses: Float64Array | null;
  readonly fired: Uint32Array;
}

export async function writeSums(path: string, sums: ShardSums, metadata: Record<string, string>): Promise<SpoolFile> {
  const n = sums.documents.length;
  const tensors = new Map<string, SafeTensor>([
    ['documents', safeTensor(sums.documents, [n])],
    ['rows', safeTensor(sums.rows, [n, 2])],
    ['shift', safeTensor(sums.shift, [sums.shift.length])],
  ]);
  for (const [name, values] of sums.subjects) tensors.set(`subject/${name}`, safeTensor(values, [n, NUMBERS.length]));
  if (sums.losses) tensors.set('losses', safeTensor(sums.losses, [n, LOSS_COLUMNS.length]));
  tensors.set('fired', safeTensor(sums.fired, [sums.fired.length], 'U32'));
  const file = await writeChunks(path, encodeSafetensors(tensors, metadata));
  return { ...file, table: 'sums', extension: 'safetensors', rows: n, batches: [] };
}

/** @throws DataError where a tensor is missing or of another size */
export async function readSums(
  path: string,
  {
    shard,
    subjects,
    features,
  }: { readonly shard: string; readonly subjects: readonly string[]; readonly features: number },
): Promise<ShardSums> {
  const tensors = decodeSafetensors(await readFile(path));
  const values = (name: string): ArrayBuffer => {
    const tensor = tensors.get(name);
    if (tensor) return new Uint8Array(tensor.bytes).buffer;
    throw damaged(shard, name);
  };
  const documents = new Float64Array(values('documents'));
  const table = (name: string, columns: number): Float64Array => {
    const own = new Float64Array(values(name));
    if (own.length !== documents.length * columns) throw damaged(shard, name);
    return own;
  };
  const fired = new Uint32Array(values('fired'));
  if (fired.length !== features) throw damaged(shard, 'fired');
  return {
    ...{ documents, rows: table('rows', 2), shift: new Float64Array(values('shift')), fired },
    subjects: new Map(subjects.map((name) => [name, table(`subject/${name}`, NUMBERS.length)])),
    losses: tensors.has('losses') ? table('losses', LOSS_COLUMNS.length) : null,
  };
}

function damaged(shard: string, tensor: string): DataError {
  return new DataError(
    `Expected tensor ${tensor} of the planned size in the sums of shard ${shard}, found another or none; run the evaluation again.`,
    { shard, tensor },
  );
}
