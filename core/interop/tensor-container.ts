// Any container of tensors as the readers of dictionaries see it: tensors by name, and the plain values beside them. One reader per
// container: .safetensors, .npz, and the zip that torch.save writes. Which one it is, is told by the first bytes, not by the name.
import { DataError } from '../../schemas/errors.js';
import { headerLength, LEAD_BYTES, readHeaderMetadata, tensorPlaces } from '../tensor/safetensors.js';
import type { ByteSource } from './byte-source.js';
import { readNpy } from './npy.js';
import { ELEMENT_BYTES, rowMajor, storedTensor, type ElementType, type StoredTensor } from './stored-tensor.js';
import { readTorchArchive } from './torch-archive.js';
import { isZip, readZip, type Inflate, type ZipEntry } from './zip.js';

export interface TensorContainer {
  /** What messages call it. */
  readonly name: string;
  readonly kind: 'safetensors' | 'npz' | 'torch';
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Texts and numbers that are no tensors: metadata of a safetensors header, plain entries of a pickle. */
  readonly values: ReadonlyMap<string, string | number | boolean>;
}

/** @throws DataError where it is none of these, or damaged */
export async function readTensors(file: ByteSource, inflate: Inflate): Promise<TensorContainer> {
  if (!(await isZip(file))) return (await isLegacyTorch(file)) ? refuseLegacy(file) : readSafetensorsSource(file);
  const entries = await readZip(file, inflate);
  const names = [...entries.keys()];
  if (names.some((name) => name.endsWith('/data.pkl') || name === 'data.pkl'))
    return { ...(await readTorchArchive(file, entries)), name: file.name, kind: 'torch' };
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) return readNpz(file, entries);
  throw new DataError(
    `Expected tensors in ${file.name}, found a zip archive of ${names.slice(0, 5).join(', ') || 'nothing'}; give a .npz of NumPy, a file of torch.save or a .safetensors file.`,
    { file: file.name },
  );
}

async function readNpz(file: ByteSource, entries: ReadonlyMap<string, ZipEntry>): Promise<TensorContainer> {
  const tensors = new Map<string, StoredTensor>();
  for (const [entry, found] of entries) {
    const name = entry.slice(0, -'.npy'.length);
    tensors.set(name, await readNpy(await found.open(), name));
  }
  return { name: file.name, kind: 'npz', tensors, values: new Map() };
}

async function readSafetensorsSource(file: ByteSource): Promise<TensorContainer> {
  const length = headerLength(await file.read(0, Math.min(LEAD_BYTES, file.size)), file.size);
  const header = await file.read(LEAD_BYTES, LEAD_BYTES + length);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, from }] of tensorPlaces(header, file.size)) {
    if (!(dtype in ELEMENT_BYTES)) continue; // unsigned counters: no dictionary is made of them
    tensors.set(
      name,
      storedTensor({ name, type: dtype as ElementType, shape, strides: rowMajor(shape), source: file, at: from }),
    );
  }
  return { name: file.name, kind: 'safetensors', tensors, values: new Map(Object.entries(readHeaderMetadata(header))) };
}

/** PyTorch before 1.6: a chain of pickles, the first one a magic number. */
async function isLegacyTorch(file: ByteSource): Promise<boolean> {
  const lead = await file.read(0, Math.min(5, file.size));
  return lead[0] === 0x80 && lead[2] === 0x8a && lead[3] === 0x0a && lead[4] === 0x6c;
}

function refuseLegacy({ name }: ByteSource): never {
  throw new DataError(
    `Expected a file of torch.save in its present form (a zip), found that ${name} has the form of PyTorch before 1.6; load it there and save its state_dict anew, best as safetensors.`,
    { file: name },
  );
}
