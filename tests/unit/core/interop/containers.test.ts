// Containers of tensors by ranges: zip entries stored and deflated, NumPy arrays of every type and both orders, tensors of torch files
// with strides. Damaged ones are refused with what is wrong, and pickles that want code with the name they want.
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../../core/interop/byte-source.js';
import { readNpy } from '../../../../core/interop/npy.js';
import { readPickle } from '../../../../core/interop/pickle.js';
import { storedTensor, toFloats } from '../../../../core/interop/stored-tensor.js';
import { readTensors } from '../../../../core/interop/tensor-container.js';
import { readZip } from '../../../../core/interop/zip.js';
import { floatToHalf } from '../../../../core/tensor/half.js';
import { inflateRaw } from '../../../../storage/files/byte-file.js';

/** The shape whose array is written column by column. */
const FORTRAN = [2, 3];

/** A .npy file, version 1.0. */
function npy(descr: string, shape: readonly number[], data: Uint8Array): Buffer {
  const fortran = shape === FORTRAN;
  const sizes = shape.length === 1 ? `${shape[0] ?? 0},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sizes}), }`;
  const header = text.padEnd(118 - 10 - 1) + '\n';
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from('NUMPY'),
    Buffer.from([1, 0]),
    length,
    Buffer.from(header),
    data,
  ]);
}

interface ZipWay {
  readonly method: 0 | 8;
  /** Size that it states. */
  readonly claimed?: number;
}

/** A zip of one entry. */
function zip(name: string, content: Uint8Array, { method, claimed = content.length }: ZipWay): Buffer {
  const packed = method === 8 ? deflateRawSync(content) : Buffer.from(content);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt16LE(method, 10);
  central.writeUInt32LE(packed.length, 20);
  central.writeUInt32LE(claimed, 24);
  central.writeUInt16LE(name.length, 28);
  const from = 30 + name.length + packed.length;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(46 + name.length, 12);
  end.writeUInt32LE(from, 16);
  return Buffer.concat([local, Buffer.from(name), packed, central, Buffer.from(name), end]);
}

const six = Float32Array.of(1, 2, 3, 4, 5, 6);
const bytesOf = (array: { readonly buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer);

describe('NumPy arrays', () => {
  it.each([
    ['<f4', bytesOf(six)],
    ['<f8', bytesOf(Float64Array.from(six))],
    ['<f2', bytesOf(Uint16Array.from(six, floatToHalf))],
    ['<i8', bytesOf(BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n))],
  ])('of type %s are read whole and by ranges', async (descr, data) => {
    const tensor = await readNpy(memorySource('a.npy', npy(descr, [2, 3], data)), 'a');
    expect(tensor.shape).toEqual([2, 3]);
    expect([...(await tensor.read(0, 6))]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...(await tensor.read(2, 3))]).toEqual([3, 4, 5]);
  });

  it('in Fortran order come row by row', async () => {
    // Stored columns first: [[1, 3, 5], [2, 4, 6]].
    const tensor = await readNpy(memorySource('a.npy', npy('<f4', FORTRAN, bytesOf(six))), 'a');
    expect([...(await tensor.read(0, 6))]).toEqual([1, 3, 5, 2, 4, 6]);
    expect([...(await tensor.read(2, 3))]).toEqual([5, 2, 4]);
  });

  it.each([
    ['|O', /Python objects, which may run code/],
    ['>f4', /big-endian/],
    ['<c8', /"<c8"/],
  ])('of type %s are refused', async (descr, text) => {
    await expect(readNpy(memorySource('a.npy', npy(descr, [6], bytesOf(six))), 'a')).rejects.toThrow(text);
  });

  it('that break off are refused with what they need', async () => {
    const file = npy('<f4', [2, 3], bytesOf(six)).subarray(0, -1);
    await expect(readNpy(memorySource('a.npy', file), 'a')).rejects.toThrow(/needs 24 bytes of 23/);
  });
});

describe('zip archives', () => {
  it.each([0, 8] as const)('of method %s give their entry', async (method) => {
    const file = zip('W_enc.npy', npy('<f4', [2, 3], bytesOf(six)), { method });
    const { kind, tensors } = await readTensors(memorySource('p.npz', file), inflateRaw);
    expect(kind).toBe('npz');
    expect([...((await tensors.get('W_enc')?.read(1, 2)) ?? [])]).toEqual([2, 3]);
  });

  it('never inflate beyond the size that they state', async () => {
    const entries = await readZip(
      memorySource('bomb.zip', zip('a', new Uint8Array(100_000), { method: 8, claimed: 10 })),
      inflateRaw,
    );
    await expect(entries.get('a')?.open()).rejects.toThrow(/deflate data of 10 bytes/);
  });

  it('without a directory are refused', async () => {
    const file = zip('a', new Uint8Array(10), { method: 0 }).subarray(0, 40);
    await expect(readZip(memorySource('cut.zip', file), inflateRaw)).rejects.toThrow(/no central directory/);
  });

  it('of something else are refused with what they hold', async () => {
    const file = zip('readme.txt', new Uint8Array(10), { method: 0 });
    await expect(readTensors(memorySource('a.zip', file), inflateRaw)).rejects.toThrow(/a zip archive of readme.txt/);
  });
});

describe('stored values', () => {
  it('of bfloat16 are the upper halves of float32', () => {
    expect([...toFloats('BF16', bytesOf(Uint16Array.of(0x3f80, 0xc000)))]).toEqual([1, -2]);
  });

  it('of any strides come in row-major order', async () => {
    const source = memorySource('t', bytesOf(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7)));
    const tensor = storedTensor({ name: 't', type: 'F32', shape: [2, 2, 2], strides: [1, 4, 2], source, at: 0 });
    expect([...(await tensor.read(0, 8))]).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
  });
});

describe('pickles', () => {
  const text = (words: string): Buffer => Buffer.from(words, 'latin1');

  it('of plain values are read', () => {
    // {"a": [1, -2, 2.5], "b": None}
    const bytes = text(
      '\x80\x02}(X\x01\x00\x00\x00a](K\x01J\xfe\xff\xff\xffG@\x04\x00\x00\x00\x00\x00\x00eX\x01\x00\x00\x00bNu.',
    );
    expect(readPickle(bytes, 'p')).toEqual(
      new Map<unknown, unknown>([
        ['a', [1, -2, 2.5]],
        ['b', null],
      ]),
    );
  });

  it.each([
    ['a function of the system', 'cposix\nsystem\n', 'posix.system'],
    ['eval', 'cbuiltins\neval\n', 'builtins.eval'],
    ['another way to write a name', 'X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93', 'os.system'],
    ['a class of a package', 'csome.package\nAutoEncoder\n', 'some.package.AutoEncoder'],
  ])('that name %s are refused with that name', (_, words, name) => {
    expect(() => readPickle(text(`\x80\x02${words}(X\x05\x00\x00\x00falsetR.`), 'p')).toThrow(
      `wants to import "${name}"`,
    );
  });

  it.each([
    ['break off', '\x80\x02}(X\xff\x00\x00\x00a', /breaks off/],
    ['hold other opcodes', '\x80\x02I1\n.', /opcode 0x49/],
    ['set attributes', '\x80\x02]}b.', /sets attributes of what is no dictionary/],
  ])('that %s are refused', (_, words, message) => {
    expect(() => readPickle(text(words), 'p')).toThrow(message);
  });
});
