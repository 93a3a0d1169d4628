// The routes of frozen experts as a safetensors file, in raw units: W_router [E, d], b_router [E], means [E, d], and the moments of all fit
// rows that they were found beside (moments [2 + d], float64: rows, Σ‖x‖², Σ x).
import type { Routes } from '../../../core/dictionaries/routing/routes.js';
import type { Moments } from '../../../core/dictionaries/scale.js';
import { asFloat32, safeTensor, safetensorsHeader, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { DataError } from '../../../schemas/errors.js';
import { type WrittenFile, writeChunks } from '../../../storage/files/local-file.js';
import { readSafetensors } from '../../../storage/files/safetensors-file.js';

export interface StoredRoutes extends Pick<Routes, 'W_router' | 'b_router' | 'means'> {
  /** Of all raw fit rows. */
  readonly moments: Moments;
}

/** Writes the file; equal routes give equal bytes. */
export function writeRoutes(
  path: string,
  { W_router, b_router, means, moments }: StoredRoutes,
  metadata: Readonly<Record<string, string>>,
): Promise<WrittenFile> {
  const [experts, width] = [b_router.length, moments.sumX.length];
  const sums = Float64Array.of(moments.rows, moments.sumSq, ...moments.sumX);
  // Numbers of eight bytes first: every tensor begins at a multiple of its own size.
  const tensors: readonly (readonly [string, SafeTensor])[] = [
    ['moments', safeTensor(sums, [sums.length])],
    ['W_router', safeTensor(W_router, [experts, width])],
    ['b_router', safeTensor(b_router, [experts])],
    ['means', safeTensor(means, [experts, width])],
  ];
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const header = tensors.map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
    yield await Promise.resolve(safetensorsHeader(header, metadata));
    for (const [, { bytes }] of tensors) yield bytes;
  }
  return writeChunks(path, chunks());
}

/** A file written by `writeRoutes`. @throws DataError where a tensor is missing */
export async function readRoutes(path: string): Promise<StoredRoutes> {
  const tensors = await readSafetensors(path);
  const find = (name: string): SafeTensor => {
    const tensor = tensors.get(name);
    if (tensor) return tensor;
    throw new DataError(`Expected routes with a tensor ${name} in ${path}, found none; run \`assay verify\`.`, {
      file: path,
      tensor: name,
    });
  };
  const [rows = 0, sumSq = 0, ...sumX] = new Float64Array(new Uint8Array(find('moments').bytes).buffer);
  return {
    W_router: asFloat32(find('W_router')),
    b_router: asFloat32(find('b_router')),
    means: asFloat32(find('means')),
    moments: { rows, sumSq, sumX: Float64Array.from(sumX) },
  };
}
