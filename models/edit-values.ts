// The tensors that edits read: from safetensors files to float32 numbers with the axes of their site, and back from the form
// in which they are stored (a safetensors file with one tensor, so that its digest tells its content).
import { halfToFloat } from '../core/tensor/half.js';
import { headAxis, positionAxis } from '../core/hooks/edit-region.js';
import type { EditTensor } from '../core/hooks/edit-value.js';
import { sha256Hex } from '../core/identity/digest.js';
import { asFloat32, encodeSafetensors, safeTensor, type SafeTensor } from '../core/tensor/safetensors.js';
import { DataError, InputError } from '../schemas/errors.js';
import { passMachineFault } from '../schemas/system-errors.js';
import { nearestNames } from '../core/text/nearest-names.js';
import { readSafetensors, SafetensorsFile } from '../storage/files/safetensors-file.js';

/** Name of the one tensor in a stored file. */
const STORED = 'value';

/** A stored tensor and the file that holds it. */
export interface StoredTensor {
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly tensor: EditTensor;
}

/** The file of a tensor; equal tensors have equal files. */
export function storeTensor(tensor: EditTensor): StoredTensor {
  const chunks = encodeSafetensors(new Map([[STORED, safeTensor(tensor.data, tensor.shape)]]));
  const bytes = Buffer.concat(chunks);
  return { sha256: sha256Hex(bytes), bytes, tensor };
}

/** The tensor in a file of `storeTensor`. @throws DataError where it is damaged */
export async function readStoredTensor(path: string): Promise<EditTensor> {
  const tensor = (await readSafetensors(path)).get(STORED);
  if (tensor) return { shape: tensor.shape, data: asFloat32(tensor) };
  throw new DataError(`Expected a tensor "${STORED}" in ${path}, found none. The cached file is damaged: remove it.`, {
    path,
  });
}

/** Reads tensors by file and name; each once, and nothing else of its file. */
export class EditFiles {
  readonly #read = new Map<string, Promise<EditTensor>>();

  /** @throws InputError for a file that cannot be read, a tensor that it lacks, and numbers that are none */
  tensor(path: string, name: string): Promise<EditTensor> {
    const key = `${path}#${name}`;
    const reading = this.#read.get(key) ?? readTensor(path, name);
    this.#read.set(key, reading);
    return reading;
  }
}

async function readTensor(path: string, name: string): Promise<EditTensor> {
  const { found, names } = await readFromFile(path, name);
  if (found) return readable(found, `tensor "${name}" of ${path}`);
  const near = nearestNames(name, names);
  const listed = near.length > 0 ? `nearest: ${near.join(', ')}` : `it has ${someOf(names)}`;
  throw new InputError(`Expected a tensor "${name}" in ${path}, found none; ${listed}. Write FILE#TENSOR.`, {
    path,
    tensor: name,
    names,
  });
}

async function readFromFile(
  path: string,
  name: string,
): Promise<{ readonly found: SafeTensor | undefined; readonly names: readonly string[] }> {
  try {
    const file = await SafetensorsFile.open(path);
    try {
      return { found: await file.read(name), names: [...file.places.keys()] };
    } finally {
      await file.close();
    }
  } catch (error) {
    passMachineFault(error);
    const { message } = error as Error;
    throw new InputError(
      `Expected a safetensors file at ${path}, found none that can be read: ${message}`,
      { path },
      { cause: error },
    );
  }
}

function readable(tensor: SafeTensor, what: string): EditTensor {
  const data = toFloat32(tensor, what);
  refuseNaN({ shape: tensor.shape, data }, what);
  return { shape: tensor.shape, data };
}

/** @throws InputError that tells where a value is not a number */
export function refuseNaN({ shape, data }: EditTensor, what: string): void {
  const at = data.findIndex(Number.isNaN);
  if (at < 0) return;
  throw new InputError(
    `Expected numbers in ${what}, found NaN at element ${at} of shape [${shape.join(', ')}]. Make the tensor anew.`,
    { what, element: at },
  );
}

/** Float32 of a float tensor; double precision is rounded. */
function toFloat32({ dtype, bytes }: SafeTensor, what: string): Float32Array {
  const { buffer } = new Uint8Array(bytes); // a copy: views need aligned bytes
  if (dtype === 'F32') return new Float32Array(buffer);
  if (dtype === 'F64') return Float32Array.from(new Float64Array(buffer));
  if (dtype === 'F16') return Float32Array.from(new Uint16Array(buffer), halfToFloat);
  if (dtype === 'BF16') {
    const words = Uint32Array.from(new Uint16Array(buffer), (half) => half << 16);
    return new Float32Array(words.buffer);
  }
  throw new InputError(`Expected ${what} as F32, F64, F16 or BF16, found ${dtype}. Convert it to float32.`, {
    what,
    dtype,
  });
}

/** A unit vector along a direction of a site. @throws InputError for another width and for the zero vector */
export function unitVector(direction: EditTensor, width: number, what: string): EditTensor {
  const { shape, data } = direction;
  if (data.length !== width || shape.at(-1) !== width)
    throw new InputError(
      `Expected a direction of shape [${width}] in ${what}, found [${shape.join(', ')}]. Give a vector as wide as the site.`,
      { expected: [width], found: shape },
    );
  const length = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0));
  if (Number.isFinite(length) && length > 0) return { shape: [width], data: data.map((x) => x / length) };
  throw new InputError(
    `Expected a direction other than the zero vector, and finite, in ${what}, found one of length ${length}. Give another tensor.`,
    { length },
  );
}

/** What is known of a site's axes, and what may be chosen of them. */
export interface ValuePlace {
  readonly axes: readonly string[];
  /** Sizes by axis name; of axes that differ from context to context none. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Tokens of the longest context. */
  readonly length: number;
  /** Contexts of the one pass; null where the value must be the same for all. */
  readonly batch: number | null;
  readonly heads: readonly number[] | undefined;
  /** With a direction a value may have one number (a coefficient) in place of d. */
  readonly along: boolean;
}

export interface PlacedValue {
  readonly tensor: EditTensor;
  /** Rows along the positions; null where the value is the same at all of them. */
  readonly rows: number | null;
}

/** A value with the axes of its site, missing ones of size 1. @throws InputError with both shapes where it does not fit */
export function placeValue(value: EditTensor, place: ValuePlace, what: string): PlacedValue {
  const { axes, heads } = place;
  const rank = axes.length;
  const wrong = (): InputError => wrongShape(value, place, what);
  if (value.shape.length > rank) throw wrong();
  const shape = [...Array.from({ length: rank - value.shape.length }, () => 1), ...value.shape];
  const position = positionAxis(axes);
  const head = headAxis(axes);
  const chosen = head >= 0 && heads !== undefined && shape[head] === heads.length;
  shape.forEach((size, axis) => {
    const name = axes[axis] ?? '';
    const last = axis === rank - 1;
    const spread = size === 1 && !(last && value.shape.length > 0 && !place.along);
    if (axis === position ? size > 0 : spread) return;
    const expected = name === 'batch' ? place.batch : name === 'key_pos' ? place.length : place.sizes[name];
    if (size === expected || (axis === head && chosen)) return;
    throw wrong();
  });
  const all = place.sizes[axes[head] ?? ''];
  const tensor = { shape, data: value.data };
  const spreadHeads = chosen && all !== undefined && all !== heads.length;
  const rows = position < 0 || shape[position] === 1 ? null : (shape[position] ?? null);
  return { tensor: spreadHeads ? atHeads(tensor, { head, heads, all }) : tensor, rows };
}

/** The chosen heads' values at their places among all heads, zeros (that no edit reads) elsewhere. */
function atHeads(
  { shape, data }: EditTensor,
  { head, heads, all }: { readonly head: number; readonly heads: readonly number[]; readonly all: number },
): EditTensor {
  const inner = shape.slice(head + 1).reduce((a, b) => a * b, 1);
  const outer = shape.slice(0, head).reduce((a, b) => a * b, 1);
  const result = new Float32Array(outer * all * inner);
  for (let o = 0; o < outer; o++) {
    heads.forEach((to, from) => {
      const start = (o * heads.length + from) * inner;
      result.set(data.subarray(start, start + inner), (o * all + to) * inner);
    });
  }
  return { shape: shape.map((size, axis) => (axis === head ? all : size)), data: result };
}

function wrongShape(value: EditTensor, place: ValuePlace, what: string): InputError {
  const { axes, sizes, length, heads, along } = place;
  const sized = axes.map((axis, i) => {
    if (axis === 'batch') return place.batch === null ? '1' : `1 or ${place.batch}`;
    if (axis === 'key_pos') return `${axis} ${length}`;
    if (i === positionAxis(axes)) return axis;
    if (i === headAxis(axes) && heads) return `${axis} ${sizes[axis] ?? ''} or ${heads.length}`;
    return `${axis} ${i === axes.length - 1 && along ? '1 or ' : ''}${sizes[axis] ?? ''}`.trim();
  });
  return new InputError(
    `Expected ${what} with the shape [${sized.join(', ')}] of the site, axes at the front left out or of size 1, found [${value.shape.join(', ')}]. Give the tensor in the site's own axes.`,
    { expected: sized, found: value.shape },
  );
}

function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 8);
  return `${shown.join(', ')}${names.length > shown.length ? `, … (${names.length} in all)` : ''}`;
}
