// The zip of torch.save: `data.pkl` says which tensors there are, `data/KEY` holds the storages. Tensors of nested dictionaries get
// their keys joined by dots. Source: torch/serialization.py, _save and _load. Refused: archives of TorchScript (they hold code),
// big-endian ones.
import { DataError } from '../../schemas/errors.js';
import type { ByteSource } from './byte-source.js';
import { readPickle, type PickledTensor, type PickledValue } from './pickle.js';
import { ELEMENT_BYTES, storedTensor, type StoredTensor } from './stored-tensor.js';
import type { ZipEntry } from './zip.js';

export interface TorchContent {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly values: ReadonlyMap<string, string | number | boolean>;
}

/** @throws DataError where the pickle wants more than tensors, or a storage is missing */
export async function readTorchArchive(
  file: ByteSource,
  entries: ReadonlyMap<string, ZipEntry>,
): Promise<TorchContent> {
  const pickle = [...entries.keys()].find((name) => name === 'data.pkl' || name.endsWith('/data.pkl')) as string;
  const prefix = pickle.slice(0, -'data.pkl'.length);
  const code = [...entries.keys()].find((name) => name.startsWith(`${prefix}code/`));
  if (code !== undefined)
    throw new DataError(
      `Expected tensors alone in ${file.name}, found ${code}: it is a program of TorchScript, whose code would have to run. Save its state_dict instead, best as safetensors.`,
      { file: file.name, wants: code },
    );
  const order = entries.get(`${prefix}byteorder`);
  if (order !== undefined && (await textOf(order)) !== 'little')
    throw new DataError(`Expected little-endian tensors in ${file.name}, found others; save them on another machine.`, {
      file: file.name,
    });
  const root = readPickle(await bytesOf(entries.get(pickle) as ZipEntry), `${file.name}/${pickle}`);
  const content = { tensors: new Map<string, StoredTensor>(), values: new Map<string, string | number | boolean>() };
  await collect({ file, prefix, entries, content }, [], root);
  return content;
}

interface Collection {
  readonly file: ByteSource;
  readonly prefix: string;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly content: {
    readonly tensors: Map<string, StoredTensor>;
    readonly values: Map<string, string | number | boolean>;
  };
}

/** Dictionaries within dictionaries at most this deep. */
const DEEPEST = 16;

/** @param keys of the dictionaries around the value */
async function collect(into: Collection, keys: readonly string[], value: PickledValue): Promise<void> {
  const name = keys.join('.');
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    into.content.values.set(name, value);
  } else if (value instanceof Map) {
    if (keys.length > DEEPEST)
      throw new DataError(`Expected dictionaries at most ${DEEPEST} deep in ${into.file.name}, found more.`);
    for (const [key, inner] of value as ReadonlyMap<PickledValue, PickledValue>)
      if (typeof key === 'string' || typeof key === 'number') await collect(into, [...keys, String(key)], inner);
  } else if (isTensor(value)) {
    into.content.tensors.set(name, await tensorOf(into, name, value));
  }
}

function isTensor(value: PickledValue): value is PickledTensor {
  return typeof value === 'object' && value !== null && 'of' in value;
}

async function tensorOf(
  { file, prefix, entries }: Collection,
  name: string,
  { of, offset, shape, strides }: PickledTensor,
): Promise<StoredTensor> {
  const entry = entries.get(`${prefix}data/${of.storage}`);
  if (entry === undefined)
    throw new DataError(
      `Expected the storage ${of.storage} of tensor "${name}" in ${file.name}, found none; copy or make the file anew.`,
      { file: file.name, tensor: name },
    );
  const sound = [offset, ...shape, ...strides].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!sound || shape.length !== strides.length)
    throw new DataError(`Expected sizes and strides from 0 for tensor "${name}" in ${file.name}, found others.`, {
      file: file.name,
      tensor: name,
    });
  const at = offset * ELEMENT_BYTES[of.type];
  return storedTensor({ name, type: of.type, shape, strides, source: await entry.open(), at });
}

async function bytesOf(entry: ZipEntry): Promise<Uint8Array> {
  const source = await entry.open();
  return source.read(0, source.size);
}

async function textOf(entry: ZipEntry): Promise<string> {
  return new TextDecoder().decode(await bytesOf(entry)).trim();
}
