// The state of a training as one safetensors file, written and read some rows at a time: it is never whole in memory twice.
import { safetensorsHeader } from '../../../core/tensor/safetensors.js';
import { DataError } from '../../../schemas/errors.js';
import { type WrittenFile, writeChunks } from '../../../storage/files/local-file.js';
import { SafetensorsFile } from '../../../storage/files/safetensors-file.js';
import type { StateTensorInfo, StateValues, TrainingEngine } from './engine.js';

const DTYPES = { float32: 'F32', int32: 'I32', int64: 'I64' } as const;
const ARRAYS = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array } as const;

/** Writes every state tensor; equal states give equal bytes. */
export function writeStateFile(path: string, engine: Pick<TrainingEngine, 'tensors' | 'read'>): Promise<WrittenFile> {
  // Numbers of eight bytes first: every tensor begins at a multiple of its own size.
  const tensors = [...engine.tensors].sort((a, b) => Number(b.type === 'int64') - Number(a.type === 'int64'));
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield safetensorsHeader(tensors.map(({ name, shape, type }) => ({ name, shape, dtype: DTYPES[type] })));
    for (const tensor of tensors)
      for await (const values of engine.read(tensor))
        yield new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
  }
  return writeChunks(path, chunks());
}

/** A file written by `writeStateFile`. */
export class StateFile {
  readonly #file: SafetensorsFile;
  readonly #path: string;

  private constructor(path: string, file: SafetensorsFile) {
    this.#path = path;
    this.#file = file;
  }

  static async open(path: string): Promise<StateFile> {
    return new StateFile(path, await SafetensorsFile.open(path));
  }

  /** Rows of a tensor. @throws DataError where it is not in the file with that shape */
  async read({ name, shape, type }: StateTensorInfo, from: number, count: number): Promise<StateValues> {
    const place = this.#file.places.get(name);
    if (place?.shape.join() !== shape.join() || place.dtype !== DTYPES[type]) {
      const found = place ? `${place.dtype} [${place.shape.join(', ')}]` : 'none';
      const text = `Expected checkpoint tensor ${name} of shape [${shape.join(', ')}], found ${found} in ${this.#path}; the checkpoint is of another training.`;
      throw new DataError(text, { file: this.#path, tensor: name });
    }
    const row = (place.to - place.from) / Math.max(1, shape[0] ?? 1);
    const bytes = await this.#file.readRange(name, from * row, count * row);
    return new ARRAYS[type](bytes.buffer);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
