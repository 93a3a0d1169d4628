// Writes a model that was made from another one as files of its own: small weights inside, large ones in one data file beside
// it. Weights that lie in the first model's files are copied in pieces, never read whole.
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { encodeModel } from '../core/onnx/codec.js';
import { graphOf } from '../core/onnx/cut.js';
import { EXTERNAL, externalReferences } from '../core/onnx/external-data.js';
import type { ModelProto, TensorProto } from '../core/onnx/proto.js';
import { storedBytes } from '../core/onnx/stored-size.js';
import { InputError, ResourceError } from '../schemas/errors.js';

export interface WrittenModel {
  readonly file: string;
  /** The data file beside it; null where all weights lie inside. */
  readonly data: string | null;
  /** Of both files. */
  readonly bytes: number;
}

export interface WriteModelOptions {
  /** The ONNX file to write. */
  readonly file: string;
  /** Where the files lie that the model's external weights name, by location. */
  readonly external: readonly { readonly location: string; readonly path: string }[];
  /** Files that must not be written over: those that the model came from. */
  readonly sources: readonly string[];
  /** Models with at most this many bytes of weights are one file. */
  readonly largestInline?: number;
  /** Weights that are written otherwise than they lie: what their bytes become, by the tensor's name. */
  readonly changed?: ReadonlyMap<string, (bytes: Uint8Array) => Uint8Array>;
}

/** Weights of models up to this size stay in the ONNX file. */
const LARGEST_INLINE = 100 * 2 ** 20;
/** Tensors below this size stay inside: shapes and constants. */
const LEAST_OUTSIDE = 1024;
/** Offsets in the data file are multiples of this, so that weights can be mapped from disk. */
const ALIGNMENT = 65_536;
const PIECE_BYTES = 16 * 2 ** 20;

/**
 * Writes the model.
 * @throws InputError where a source would be written over or a weight's file is not known; ResourceError where writing fails
 */
export async function writeModelFiles(model: ModelProto, options: WriteModelOptions): Promise<WrittenModel> {
  const data = `${options.file}.data`;
  refuseSources(options, [options.file, data]);
  refuseInnerReferences(model);
  const { initializer } = graphOf(model);
  const total = initializer.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  const inline = total <= (options.largestInline ?? LARGEST_INLINE);
  try {
    const weights = inline ? await readWeights(initializer, options) : await writeWeights(initializer, data, options);
    const graph = { ...graphOf(model), initializer: weights };
    await writeChunks(options.file, encodeModel({ ...model, graph }));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new ResourceError(
      `Cannot write "${options.file}": ${(error as Error).message}. Choose a folder that exists, may be written and has room for ${total} bytes.`,
      { path: options.file, bytes: total },
      { cause: error },
    );
  }
  const bytes = (await stat(options.file)).size + (inline ? 0 : (await stat(data)).size);
  return { file: options.file, data: inline ? null : data, bytes };
}

function refuseSources({ sources }: WriteModelOptions, targets: readonly string[]): void {
  const same = targets.find((target) => sources.some((source) => path.resolve(source) === path.resolve(target)));
  if (same === undefined) return;
  throw new InputError(`Expected a file other than the model's own, got "${same}". Choose another --out.`, {
    path: same,
  });
}

/** External weights inside node attributes are not copied; no exporter writes them. */
function refuseInnerReferences(model: ModelProto): void {
  const outer = graphOf(model).initializer.filter(isExternal).length;
  const all = externalReferences(model);
  if (all.length === outer) return;
  throw new InputError(
    `Expected external weights as initializers, found ${all.length - outer} inside nodes. Export the model anew.`,
    { tensors: all.length - outer },
  );
}

function isExternal(tensor: TensorProto): boolean {
  return tensor.dataLocation === EXTERNAL;
}

function sizeOf(tensor: TensorProto): number {
  return isExternal(tensor) ? (storedBytes(tensor) ?? 0) : (tensor.rawData?.length ?? 0);
}

/** All weights inside: external ones are read. */
async function readWeights(tensors: readonly TensorProto[], options: WriteModelOptions): Promise<TensorProto[]> {
  const result: TensorProto[] = [];
  for (const tensor of tensors) {
    if (!isExternal(tensor) && options.changed?.has(tensor.name ?? '') !== true) {
      result.push(tensor);
      continue;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytesOf(tensor, options)) chunks.push(chunk);
    const { dataLocation: _location, ...rest } = tensor;
    result.push({ ...rest, externalData: [], rawData: Buffer.concat(chunks) });
  }
  return result;
}

/** Large weights go to the data file; the tensors refer to it. */
async function writeWeights(
  tensors: readonly TensorProto[],
  file: string,
  options: WriteModelOptions,
): Promise<TensorProto[]> {
  const place = { at: 0 };
  return whole(file, async (handle) => {
    const result: TensorProto[] = [];
    for (const tensor of tensors)
      result.push(
        sizeOf(tensor) < LEAST_OUTSIDE && !isExternal(tensor) && options.changed?.has(tensor.name ?? '') !== true
          ? tensor
          : await writeWeight(tensor, { handle, place, file, options }),
      );
    return result;
  });
}

async function writeWeight(
  tensor: TensorProto,
  target: { handle: FileHandle; place: { at: number }; file: string; options: WriteModelOptions },
): Promise<TensorProto> {
  const { handle, place, file, options } = target;
  const offset = Math.ceil(place.at / ALIGNMENT) * ALIGNMENT;
  place.at = offset;
  for await (const chunk of bytesOf(tensor, options)) {
    await handle.write(chunk, 0, chunk.length, place.at);
    place.at += chunk.length;
  }
  const { rawData: _raw, ...rest } = tensor;
  const externalData = [
    { key: 'location', value: path.basename(file) },
    { key: 'offset', value: String(offset) },
    { key: 'length', value: String(place.at - offset) },
  ];
  return { ...rest, dataLocation: EXTERNAL, externalData };
}

/** The bytes of a weight in pieces, wherever it lies; one that is changed is held as a whole. */
async function* bytesOf(tensor: TensorProto, options: WriteModelOptions): AsyncGenerator<Uint8Array> {
  const change = options.changed?.get(tensor.name ?? '');
  if (change === undefined) {
    yield* storedBytesOf(tensor, options);
    return;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of storedBytesOf(tensor, options)) chunks.push(chunk);
  yield change(Buffer.concat(chunks));
}

async function* storedBytesOf(tensor: TensorProto, { external }: WriteModelOptions): AsyncGenerator<Uint8Array> {
  if (tensor.rawData !== undefined) {
    yield tensor.rawData;
    return;
  }
  const entry = (key: string): string => tensor.externalData.find((found) => found.key === key)?.value ?? '';
  const source = external.find(({ location }) => location === entry('location'));
  if (source === undefined)
    throw new InputError(`Expected the external weights "${entry('location')}" among the model's files, found none.`, {
      tensor: tensor.name,
      location: entry('location'),
    });
  const handle = await open(source.path);
  try {
    let at = Number(entry('offset') || 0);
    const end = at + Number(entry('length') || storedBytes(tensor) || 0);
    while (at < end) {
      const buffer = Buffer.alloc(Math.min(PIECE_BYTES, end - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0)
        throw new InputError(
          `Expected ${end} bytes in "${source.path}", found ${at}: the file is cut short. Copy it again.`,
          { path: source.path, bytes: at },
        );
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

async function writeChunks(file: string, chunks: Iterable<Uint8Array>): Promise<void> {
  await whole(file, async (handle) => {
    for (const chunk of chunks) await handle.writeFile(chunk);
  });
}

/** A file that appears whole or not at all. */
async function whole<T>(file: string, write: (handle: FileHandle) => Promise<T>): Promise<T> {
  const partial = `${file}.partial`;
  const handle = await open(partial, 'w');
  try {
    const result = await write(handle);
    await handle.close();
    await rename(partial, file);
    return result;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}
