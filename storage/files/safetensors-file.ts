// Tensors of a safetensors file of any size, read one by one into memory of their own: the file is never held as a whole, and the
// values are aligned.
import { open, type FileHandle } from 'node:fs/promises';
import {
  headerLength,
  LEAD_BYTES,
  tensorPlaces,
  type SafeTensor,
  type TensorPlace,
} from '../../core/tensor/safetensors.js';
import { DataError } from '../../schemas/errors.js';
import { readAt, readInto } from './local-file.js';

export class SafetensorsFile {
  /** Where each tensor lies. */
  readonly places: ReadonlyMap<string, TensorPlace>;
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, places: ReadonlyMap<string, TensorPlace>) {
    this.#path = path;
    this.#handle = handle;
    this.places = places;
  }

  /** @throws DataError where header, ranges or sizes do not agree; the system's error where it cannot be read */
  static async open(path: string): Promise<SafetensorsFile> {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const header = await readAt(handle, LEAD_BYTES, headerLength(await readAt(handle, 0, LEAD_BYTES), size));
      return new SafetensorsFile(path, handle, tensorPlaces(header, size));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** A tensor in memory of its own, aligned; undefined where there is none. @throws DataError where the file ends before it */
  async read(name: string): Promise<(SafeTensor & { readonly bytes: Uint8Array<ArrayBuffer> }) | undefined> {
    const place = this.places.get(name);
    if (!place) return undefined;
    const { dtype, shape, from, to } = place;
    return { dtype, shape, bytes: await this.readRange(name, 0, to - from) };
  }

  /** Elements of one row: all axes but the first; 1 for a vector. */
  widthOf(name: string): number {
    return (
      this.places
        .get(name)
        ?.shape.slice(1)
        .reduce((a, b) => a * b, 1) ?? 1
    );
  }

  /** Bytes of a tensor from `at` on. @throws DataError where the file ends before them, or there is no such tensor */
  async readRange(name: string, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    const filled = await readInto(this.#handle, bytes, (this.places.get(name)?.from ?? NaN) + at);
    if (filled === length) return bytes;
    throw new DataError(
      `Expected ${bytes.length} bytes of tensor ${name} in ${this.#path}, found ${filled}; the file was cut short while it was read.`,
      { file: this.#path, tensor: name },
    );
  }

  /** Some numbers of an F32 tensor, counted in its row-major order. @throws DataError where it has none there */
  async readFloats(
    name: string,
    { from, count }: { readonly from: number; readonly count: number },
  ): Promise<Float32Array> {
    const place = this.places.get(name);
    const bytes = new Uint8Array(4 * count);
    const inside = place?.dtype === 'F32' && place.from + 4 * (from + count) <= place.to;
    const filled = inside ? await readInto(this.#handle, bytes, place.from + 4 * from) : 0;
    if (inside && filled === bytes.length) return new Float32Array(bytes.buffer);
    throw new DataError(
      `Expected ${count} numbers from ${from} on of F32 tensor ${name} in ${this.#path}, found fewer; the file is damaged.`,
      { file: this.#path, tensor: name },
    );
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** All tensors of a file. @throws as `SafetensorsFile` */
export async function readSafetensors(path: string): Promise<Map<string, SafeTensor>> {
  const file = await SafetensorsFile.open(path);
  try {
    const tensors = new Map<string, SafeTensor>();
    for (const name of file.places.keys()) tensors.set(name, (await file.read(name)) as SafeTensor);
    return tensors;
  } finally {
    await file.close();
  }
}
