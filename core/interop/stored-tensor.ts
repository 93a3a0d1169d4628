// A tensor of a file as readers of containers give it: name, type, shape, and its values by ranges in row-major order as float32,
// whatever the type and the order in which the file holds them. Nothing is read before it is asked for.
import { DataError } from '../../schemas/errors.js';
import { halfsToFloats } from '../tensor/half.js';
import type { ByteSource } from './byte-source.js';

export const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type ElementType = keyof typeof ELEMENT_BYTES;

export interface StoredTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** `count` values from the one at `from` on. */
  read(from: number, count: number): Promise<Float32Array>;
}

/** Where a tensor's elements lie in a source. */
export interface TensorLayout {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Elements between neighbours along each axis. */
  readonly strides: readonly number[];
  readonly source: ByteSource;
  /** Byte of the first element. */
  readonly at: number;
}

/** Elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Row-major strides of a shape. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (const length of [...shape].reverse()) {
    strides.unshift(step);
    step *= length;
  }
  return strides;
}

/** A tensor over a source. @throws DataError where its elements do not lie within it */
export function storedTensor(layout: TensorLayout): StoredTensor {
  const { name, type, shape, strides, source, at } = layout;
  const size = sizeOf(shape);
  const last = size === 0 ? -1 : shape.reduce((sum, length, axis) => sum + (length - 1) * (strides[axis] as number), 0);
  const ends = at + (last + 1) * ELEMENT_BYTES[type];
  if (ends > source.size || strides.some((stride) => stride < 0))
    throw new DataError(
      `Expected tensor "${name}" ${type} [${shape.join(', ')}] within ${source.name}, found that it needs ${ends} bytes of ${source.size}; the file was cut short or is damaged: copy or make it anew.`,
      { tensor: name, expected: ends, found: source.size },
    );
  const plain = strides.every((stride, axis) => shape[axis] === 1 || stride === rowMajor(shape)[axis]);
  return {
    ...{ name, type, shape },
    read: (from, count) => (plain ? readPlain(layout, from, count) : readStrided(layout, from, count)),
  };
}

async function readPlain({ type, source, at }: TensorLayout, from: number, count: number): Promise<Float32Array> {
  const bytes = ELEMENT_BYTES[type];
  return toFloats(type, await source.read(at + from * bytes, at + (from + count) * bytes));
}

/** Whole rows of the first axis at a time: of a transposed matrix one range per column. */
async function readStrided(layout: TensorLayout, from: number, count: number): Promise<Float32Array> {
  const { shape, strides } = layout;
  const result = new Float32Array(count);
  if (shape.length === 2 && strides[0] === 1) {
    const columns = shape[1] as number;
    const [first, last] = [Math.floor(from / columns), Math.ceil((from + count) / columns)];
    for (let column = 0; column < columns; column++) {
      const values = await readPlain(layout, first + column * (strides[1] as number), last - first);
      for (const [i, value] of values.entries()) {
        const place = (first + i) * columns + column - from;
        if (place >= 0 && place < count) result[place] = value;
      }
    }
    return result;
  }
  for (let i = 0; i < count; i++) {
    const [value] = await readPlain(layout, placeOf(from + i, shape, strides), 1);
    result[i] = value as number;
  }
  return result;
}

function placeOf(element: number, shape: readonly number[], strides: readonly number[]): number {
  let rest = element;
  let place = 0;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] as number;
    place += (rest % length) * (strides[axis] as number);
    rest = Math.floor(rest / length);
  }
  return place;
}

/** Little-endian elements as float32; a float64 is rounded to the nearest. */
export function toFloats(type: ElementType, bytes: Uint8Array): Float32Array {
  const own = new Uint8Array(bytes); // aligned; a Buffer's slice() would not copy
  const { buffer } = own;
  switch (type) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return halfsToFloats(new Uint16Array(buffer));
    case 'BF16': {
      const halfs = new Uint16Array(buffer);
      const bits = new Uint32Array(halfs.length);
      for (const [i, half] of halfs.entries()) bits[i] = half << 16;
      return new Float32Array(bits.buffer);
    }
    case 'F64':
      return Float32Array.from(new Float64Array(buffer));
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer), Number);
    case 'I32':
      return Float32Array.from(new Int32Array(buffer));
    case 'I16':
      return Float32Array.from(new Int16Array(buffer));
    case 'I8':
      return Float32Array.from(new Int8Array(buffer));
    case 'U8':
    case 'BOOL':
      return Float32Array.from(own);
  }
}
