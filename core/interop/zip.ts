// The zip container as NumPy (.npz) and PyTorch (.pt) write it: the entries of its central directory, each readable by ranges where
// it is stored as it is. What is deflated is inflated by a function of the caller's, whole and once, never beyond its stated size.
// Source: PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12 to 4.3.16 and 4.5.3 (zip64). Not read: encryption, other methods, several disks.
import { DataError } from '../../schemas/errors.js';
import { sliceSource, type ByteSource } from './byte-source.js';

/** Inflates raw deflate data to exactly `size` bytes; more is an error. */
export type Inflate = (compressed: Uint8Array, size: number) => Uint8Array;

export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Its content; inflated at the first call where it is compressed. @throws DataError where it is damaged */
  open(): Promise<ByteSource>;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 65_535;
const NONE32 = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;

/** Whether a file begins as a zip does. */
export async function isZip(file: ByteSource): Promise<boolean> {
  if (file.size < END_BYTES) return false;
  const signature = view(await file.read(0, 4)).getUint32(0, true);
  return signature === LOCAL || signature === END;
}

/** The entries by name. @throws DataError where the directory is missing or damaged */
export async function readZip(file: ByteSource, inflate: Inflate): Promise<Map<string, ZipEntry>> {
  const { from, size, count } = await findDirectory(file);
  const directory = await file.read(from, from + size);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const header = parseCentral(directory, at, file.name);
    at = header.next;
    if (entries.has(header.name)) throw damaged(file.name, `it has two entries named "${header.name}"`);
    entries.set(header.name, entryOf(file, header, inflate));
  }
  return entries;
}

interface Directory {
  readonly from: number;
  readonly size: number;
  readonly count: number;
}

async function findDirectory(file: ByteSource): Promise<Directory> {
  const start = Math.max(0, file.size - END_BYTES - LONGEST_COMMENT);
  const tail = await file.read(start, file.size);
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    const end = view(tail.subarray(at));
    if (end.getUint32(0, true) !== END || at + END_BYTES + end.getUint16(20, true) !== tail.length) continue;
    const plain = { count: end.getUint16(10, true), size: end.getUint32(12, true), from: end.getUint32(16, true) };
    const large = plain.count === 0xffff || plain.size === NONE32 || plain.from === NONE32;
    return large ? readEnd64(file, start + at) : plain;
  }
  throw damaged(file.name, 'it has no central directory at its end');
}

async function readEnd64(file: ByteSource, end: number): Promise<Directory> {
  const locator = view(await file.read(end - 20, end));
  if (locator.getUint32(0, true) !== LOCATOR64) throw damaged(file.name, 'its zip64 locator is missing');
  const at = number64(locator, 8);
  const record = view(await file.read(at, at + 56));
  if (record.getUint32(0, true) !== END64) throw damaged(file.name, 'its zip64 record is missing');
  return { count: number64(record, 32), size: number64(record, 40), from: number64(record, 48) };
}

interface Central {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly local: number;
  readonly next: number;
}

function parseCentral(directory: Uint8Array, at: number, file: string): Central {
  const header = view(directory.subarray(at));
  if (header.byteLength < 46 || header.getUint32(0, true) !== CENTRAL)
    throw damaged(file, `its directory breaks off at byte ${at}`);
  const [nameLength, extraLength, comment] = [28, 30, 32].map((place) => header.getUint16(place, true)) as [
    number,
    number,
    number,
  ];
  const name = new TextDecoder().decode(directory.subarray(at + 46, at + 46 + nameLength));
  const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
  const small = [24, 20, 42].map((place) => header.getUint32(place, true)) as [number, number, number];
  const [size, packed, local] = withExtra64(small, extra);
  return {
    ...{ name, size, packed, local },
    flags: header.getUint16(8, true),
    method: header.getUint16(10, true),
    next: at + 46 + nameLength + extraLength + comment,
  };
}

/** Sizes and place, those that are all ones taken from the zip64 field, in this order. */
function withExtra64(small: readonly [number, number, number], extra: Uint8Array): [number, number, number] {
  const result: [number, number, number] = [...small];
  for (let at = 0; at + 4 <= extra.length;) {
    const field = view(extra.subarray(at));
    const length = field.getUint16(2, true);
    if (field.getUint16(0, true) === 1) {
      let from = 4;
      for (const [i, value] of small.entries()) {
        if (value !== NONE32 || from + 8 > 4 + length) continue;
        result[i] = number64(field, from);
        from += 8;
      }
    }
    at += 4 + length;
  }
  return result;
}

function entryOf(file: ByteSource, header: Central, inflate: Inflate): ZipEntry {
  const { name, size, packed, method, flags, local } = header;
  const label = `${file.name}/${name}`;
  let inflated: Promise<ByteSource> | null = null;
  const open = async (): Promise<ByteSource> => {
    if ((flags & 1) !== 0) throw damaged(label, 'it is encrypted');
    if (method !== STORED && method !== DEFLATED) throw damaged(label, `it is compressed by method ${method}`);
    const head = view(await file.read(local, local + 30));
    if (head.getUint32(0, true) !== LOCAL) throw damaged(label, 'its header is missing');
    const from = local + 30 + head.getUint16(26, true) + head.getUint16(28, true);
    const content = sliceSource(file, label, { from, to: from + packed });
    if (method === STORED) return content;
    const bytes = inflate(await content.read(0, packed), size);
    if (bytes.length !== size) throw damaged(label, `it states ${size} bytes and holds ${bytes.length}`);
    return { name: label, size, read: (a, b) => Promise.resolve(bytes.subarray(a, b)) };
  };
  return { name, size, open: () => (method === STORED ? open() : (inflated ??= open())) };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function number64(bytes: DataView, at: number): number {
  return Number(bytes.getBigUint64(at, true));
}

function damaged(file: string, what: string): DataError {
  return new DataError(
    `Expected a zip archive that can be read in ${file}, found that ${what}. Copy or make the file anew.`,
    {
      file,
    },
  );
}
