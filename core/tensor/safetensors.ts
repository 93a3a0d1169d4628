// The safetensors container (Hugging Face, format 0.4): 8-byte header length, JSON header, tensors back to back.
import { DataError } from '../../schemas/errors.js';
import { layoutFault, type DataRange } from './safetensors-layout.js';

export type SafetensorsDtype =
  'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U64' | 'U32' | 'U16' | 'U8' | 'BOOL';

export interface SafeTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Little-endian bytes, row-major; a view where the file was decoded from memory. */
  readonly bytes: Uint8Array;
}

const BYTES: Record<SafetensorsDtype, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};
const MAX_HEADER_BYTES = 100_000_000;

/** A tensor over a typed array, without copying. */
export function safeTensor(
  data: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint32Array | Uint16Array,
  shape: readonly number[],
  dtype?: SafetensorsDtype,
): SafeTensor {
  const natural: SafetensorsDtype =
    data instanceof Float32Array
      ? 'F32'
      : data instanceof Float64Array
        ? 'F64'
        : data instanceof BigInt64Array
          ? 'I64'
          : data instanceof Int32Array
            ? 'I32'
            : data instanceof Uint32Array
              ? 'U32'
              : 'F16';
  return {
    dtype: dtype ?? natural,
    shape,
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** The values of an F32 tensor, copied to an aligned array. @throws DataError for another dtype. */
export function asFloat32(tensor: SafeTensor): Float32Array {
  if (tensor.dtype !== 'F32')
    throw new DataError(`Expected an F32 tensor, found ${tensor.dtype}.`, { dtype: tensor.dtype });
  return new Float32Array(new Uint8Array(tensor.bytes).buffer);
}

/** The values of an integer tensor as numbers. @throws DataError for another dtype. */
export function asIntegers(tensor: SafeTensor): number[] {
  const buffer = new Uint8Array(tensor.bytes).buffer; // a Buffer's own slice() would not copy
  if (tensor.dtype === 'I64') return Array.from(new BigInt64Array(buffer), Number);
  if (tensor.dtype === 'I32') return Array.from(new Int32Array(buffer));
  throw new DataError(`Expected an I64 or I32 tensor, found ${tensor.dtype}.`, {
    dtype: tensor.dtype,
  });
}

/** Names and tensors of a file. @throws DataError where header, ranges or sizes do not agree. */
export function decodeSafetensors(file: Uint8Array): Map<string, SafeTensor> {
  const header = file.subarray(LEAD_BYTES, LEAD_BYTES + headerLength(file.subarray(0, LEAD_BYTES), file.length));
  const places = tensorPlaces(header, file.length);
  return new Map(
    [...places].map(([name, { dtype, shape, from, to }]) => [name, { dtype, shape, bytes: file.subarray(from, to) }]),
  );
}

/** Bytes before the header: its length. */
export const LEAD_BYTES = 8;

/** Length of the header. @param lead the first bytes of the file @throws DataError where it does not fit the file */
export function headerLength(lead: Uint8Array, fileBytes: number): number {
  if (lead.length < LEAD_BYTES)
    throw damaged(fileBytes === 0 ? 'it is empty' : `its ${fileBytes} bytes are too few for a header`);
  const bytes = Number(new DataView(lead.buffer, lead.byteOffset).getBigUint64(0, true));
  if (bytes <= MAX_HEADER_BYTES && LEAD_BYTES + bytes <= fileBytes) return bytes;
  throw damaged(`header length ${bytes} does not fit a file of ${fileBytes} bytes`);
}

/** A tensor and its bytes within the file. */
export interface TensorPlace {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** Where the tensors of a file lie. @throws DataError where header, ranges or sizes do not agree. */
export function tensorPlaces(headerText: Uint8Array, fileBytes: number): Map<string, TensorPlace> {
  const header = parseHeader(headerText);
  const dataStart = LEAD_BYTES + headerText.length;
  const tensors = new Map<string, TensorPlace>();
  const ranges: DataRange[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = entry;
    const size = BYTES[dtype] * shape.reduce((a, b) => a * b, 1);
    const start = dataStart + offsets[0];
    const end = dataStart + offsets[1];
    const needs = `tensor "${name}" ${dtype} [${shape.join(', ')}] needs ${size} bytes`;
    if (end - start !== size) throw damaged(`${needs}, its range holds ${end - start}`);
    if (end > fileBytes) throw damaged(`${needs}, the last of them ${end - fileBytes} after the end of the file`);
    tensors.set(name, { dtype, shape, from: start, to: end });
    ranges.push({ name, from: offsets[0], to: offsets[1] });
  }
  const fault = layoutFault(ranges, fileBytes - dataStart);
  if (fault !== null) throw damaged(fault);
  return tensors;
}

/** Texts that a file's writer put into its header. @throws DataError where it is damaged */
export function readHeaderMetadata(headerText: Uint8Array): Readonly<Record<string, string>> {
  const metadata: unknown = (parseHeader(headerText) as Record<string, unknown>)['__metadata__'] ?? {};
  if (typeof metadata !== 'object' || metadata === null) throw damaged('its metadata is no JSON object');
  return Object.fromEntries(Object.entries(metadata).filter(([, text]) => typeof text === 'string'));
}

/** The file's bytes as chunks (header, then tensors in the given order). */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafeTensor>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array[] {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const [name, tensor] of tensors) {
    header[name] = {
      dtype: tensor.dtype,
      shape: tensor.shape,
      data_offsets: [offset, offset + tensor.bytes.length],
    };
    offset += tensor.bytes.length;
  }
  return [headerBytes(header), ...[...tensors.values()].map((t) => t.bytes)];
}

/** What a file begins with, for tensors that follow it end to end in this order. */
export function safetensorsHeader(
  tensors: readonly { readonly name: string; readonly dtype: SafetensorsDtype; readonly shape: readonly number[] }[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = offset + BYTES[dtype] * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  return headerBytes(header);
}

function headerBytes(header: Record<string, unknown>): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(text, 8);
  return padded;
}

interface HeaderEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function parseHeader(bytes: Uint8Array): Record<string, HeaderEntry> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw damaged(`its header is not JSON (${(error as Error).message})`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw damaged('its header is no JSON object');
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__' || isEntry(value)) continue;
    throw damaged(`tensor "${name}" has no valid dtype, shape and data_offsets`);
  }
  return header as Record<string, HeaderEntry>;
}

function isEntry(value: unknown): value is HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const known = typeof dtype === 'string' && Object.hasOwn(BYTES, dtype);
  return known && areSizes(shape) && areSizes(offsets) && offsets.length === 2;
}

/** Whether it is a list of whole numbers from 0. */
function areSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && (one as number) >= 0);
}

function damaged(what: string): DataError {
  return new DataError(`Not a whole safetensors file: ${what}. Copy or make the file anew.`);
}
