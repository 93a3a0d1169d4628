// NumPy's array file (.npy, format 1.0 to 3.0): its header, and the array by ranges. Source: numpy/lib/format.py, "Format Version
// 1.0". Refused: object arrays (they are pickles, which may run code), structured and big-endian ones, complex numbers and text.
import { DataError } from '../../schemas/errors.js';
import { sliceSource, type ByteSource } from './byte-source.js';
import { rowMajor, storedTensor, type ElementType, type StoredTensor } from './stored-tensor.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
const LONGEST_HEADER = 2 ** 20;

const TYPES: Readonly<Record<string, ElementType>> = {
  '<f8': 'F64',
  '<f4': 'F32',
  '<f2': 'F16',
  '<i8': 'I64',
  '<i4': 'I32',
  '<i2': 'I16',
  '|i1': 'I8',
  '|u1': 'U8',
  '|b1': 'BOOL',
};

/** The array of a .npy file. @throws DataError where it is no such file, or of a type that is no plain number */
export async function readNpy(file: ByteSource, name: string): Promise<StoredTensor> {
  const lead = await file.read(0, Math.min(12, file.size));
  if (lead.length < 10 || MAGIC.some((byte, i) => lead[i] !== byte)) throw bad(file, 'it does not begin as one');
  const words = new DataView(lead.buffer, lead.byteOffset, lead.byteLength);
  const long = (lead[6] ?? 0) >= 2;
  const [from, length] = long ? [12, words.getUint32(8, true)] : [10, words.getUint16(8, true)];
  if (length > LONGEST_HEADER) throw bad(file, `its header claims ${length} bytes`);
  const text = new TextDecoder().decode(await file.read(from, from + length));
  const { type, fortran, shape } = parseHeader(text, file);
  const data = sliceSource(file, file.name, { from: from + length, to: file.size });
  const strides = fortran ? rowMajor([...shape].reverse()).reverse() : rowMajor(shape);
  return storedTensor({ name, type, shape, strides, source: data, at: 0 });
}

interface Header {
  readonly type: ElementType;
  readonly fortran: boolean;
  readonly shape: readonly number[];
}

/** A Python dictionary with exactly three entries. */
function parseHeader(text: string, file: ByteSource): Header {
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (descr === undefined && /'descr':/.test(text)) throw bad(file, 'its elements are structures');
  if (descr === undefined || fortran === undefined || shape === undefined)
    throw bad(file, `its header is ${JSON.stringify(text.slice(0, 120))}`);
  const type = TYPES[descr];
  if (type === undefined) throw bad(file, `its elements are "${descr}"${reason(descr)}`);
  const sizes = shape.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number(part)]));
  return { type, fortran: fortran === 'True', shape: sizes };
}

function reason(descr: string): string {
  if (descr.includes('O')) return ' (Python objects, which may run code when they are read)';
  return descr.startsWith('>') ? ' (big-endian)' : '';
}

function bad(file: ByteSource, what: string): DataError {
  return new DataError(
    `Expected a NumPy array of plain little-endian numbers (${Object.keys(TYPES).join(', ')}) in ${file.name}, found that ${what}. Save it as float32 by numpy.savez.`,
    { file: file.name },
  );
}
