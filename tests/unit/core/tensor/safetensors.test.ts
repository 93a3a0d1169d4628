// The layout of safetensors: tensors lie one after the other without gaps, as the format's own library demands, and whatever does not
// is refused with names and offsets. Files that we write are whole.
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';
import { layoutFault } from '../../../../core/tensor/safetensors-layout.js';
import { DataError } from '../../../../schemas/errors.js';

/** A file with this header and so many bytes of data. */
function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const text = Buffer.from(JSON.stringify(header));
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([lead, text, Buffer.alloc(dataBytes)]);
}

const row = (from: number, to: number, dtype: unknown = 'U8'): object => ({
  dtype,
  shape: [to - from],
  data_offsets: [from, to],
});

describe('a file', () => {
  it('whose tensors lie one after the other is read, in any order of its header, also empty ones', () => {
    const found = decodeSafetensors(
      fileOf({ b: row(2, 5), none: row(2, 2), a: row(0, 2), __metadata__: { x: 'y' } }, 5),
    );
    expect([...found].map(([name, { bytes }]) => [name, bytes.length])).toEqual([
      ['b', 3],
      ['none', 0],
      ['a', 2],
    ]);
    expect(decodeSafetensors(fileOf({}, 0)).size).toBe(0);
  });

  it('that we write is whole, also without values', () => {
    const tensors = new Map([
      ['empty', safeTensor(new Float32Array(0), [0, 3])],
      ['w', safeTensor(Float32Array.of(1, 2), [2])],
    ]);
    expect([...decodeSafetensors(Buffer.concat(encodeSafetensors(tensors))).keys()]).toEqual(['empty', 'w']);
  });

  it.each<[what: string, header: unknown, dataBytes: number, message: string]>([
    ['tensors that overlap', { a: row(0, 3), b: row(2, 4) }, 4, 'tensors "a" [0, 3) and "b" [2, 4) overlap'],
    ['one tensor twice', { a: row(0, 3), b: row(0, 3) }, 3, 'tensors "a" [0, 3) and "b" [0, 3) overlap'],
    [
      'a gap',
      { a: row(0, 3), b: row(5, 6) },
      6,
      'bytes 3 to 5 of its data, before tensor "b" [5, 6), belong to no tensor',
    ],
    ['a gap at the start', { a: row(1, 3) }, 3, 'bytes 0 to 1 of its data, before tensor "a" [1, 3), belong to no'],
    [
      'more data',
      { a: row(0, 3) },
      9,
      'bytes 3 to 9 of its data, after its last tensor "a" [0, 3), belong to no tensor',
    ],
    ['data alone', {}, 4, 'bytes 0 to 4 of its data, which has no tensor, belong to no tensor'],
    ['less data', { a: row(0, 3) }, 2, 'tensor "a" U8 [3] needs 3 bytes, the last of them 1 after the end of the file'],
    ['an unknown type', { a: row(0, 3, 'constructor') }, 3, 'tensor "a" has no valid dtype, shape and data_offsets'],
    ['an entry that is none', { a: null }, 0, 'tensor "a" has no valid dtype, shape and data_offsets'],
    ['a negative place', { a: row(-3, 0) }, 3, 'tensor "a" has no valid dtype, shape and data_offsets'],
    ['a size that is none', { a: { ...row(0, 3), shape: ['3'] } }, 3, 'tensor "a" has no valid dtype, shape'],
    ['no header', null, 0, 'its header is no JSON object'],
  ])('with %s is refused', (...[, header, dataBytes, message]) => {
    const read = (): unknown => decodeSafetensors(fileOf(header, dataBytes));
    expect(read).toThrow(DataError);
    expect(read).toThrow(message);
  });

  it('that is empty, or too short for a header, is told so', () => {
    expect(() => decodeSafetensors(new Uint8Array(0))).toThrow(
      'Not a whole safetensors file: it is empty. Copy or make the file anew.',
    );
    expect(() => decodeSafetensors(new Uint8Array(3))).toThrow('its 3 bytes are too few for a header.');
  });
});

it('a name appears in a message on one line and not at full length', () => {
  const fault = layoutFault([{ name: `\n${'n'.repeat(10 ** 6)}`, from: 1, to: 2 }], 2) ?? '';
  expect(fault).toContain('"\\nnnn');
  expect(fault.length).toBeLessThan(400);
});
