import type { RecordBatch } from 'apache-arrow';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ArrowFileEncoder } from '../../../../storage/arrow/file-writer.js';
import { arrow, initArrow } from '../../../../storage/arrow/library.js';
import { zstdCompress, zstdDecompress } from '../../../../storage/arrow/zstd.js';

const { Field, Float32, Schema, Struct, Uint32, compressionRegistry, CompressionType, makeData, tableFromIPC } = arrow;

beforeAll(initArrow);

describe('zstd', () => {
  it('gives back what went in, whatever its size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.integer({ min: 1, max: 60 }), (bytes, times) => {
        const repeated = new Uint8Array(bytes.length * times);
        for (let i = 0; i < times; i++) repeated.set(bytes, i * bytes.length);
        expect(zstdDecompress(zstdCompress(repeated))).toEqual(repeated);
      }),
    );
  });

  it('gives back megabytes too, whose size the frame states in more bytes', () => {
    const large = new Uint8Array(5 * 2 ** 20).map((_, i) => i % 251);
    expect(Buffer.compare(zstdDecompress(zstdCompress(large, 3)), large)).toBe(0);
  });

  it('refuses what is no whole frame', () => {
    expect(() => zstdDecompress(new Uint8Array(20))).toThrow(
      'Expected a whole zstd frame, found 20 bytes that are none (no zstd frame header); run `assay verify` to find damaged objects.',
    );
    const cut = zstdCompress(new Uint8Array(1000).map((_, i) => (i * i) % 255)).slice(0, -5);
    expect(() => zstdDecompress(cut)).toThrow(/Expected a whole zstd frame/);
  });

  it('is the codec that Arrow uses', () => {
    expect(compressionRegistry.get(CompressionType.ZSTD)?.decode?.(zstdCompress(Uint8Array.of(1, 2, 3)))).toEqual(
      Uint8Array.of(1, 2, 3),
    );
  });
});

function batchOf(name: string, values: Uint32Array | Float32Array): RecordBatch {
  const type = values instanceof Float32Array ? new Float32() : new Uint32();
  const schema = new Schema([new Field(name, type, false)]);
  const child =
    values instanceof Float32Array
      ? makeData({ type: new Float32(), length: values.length, data: values })
      : makeData({ type: new Uint32(), length: values.length, data: values });
  return new arrow.RecordBatch(
    schema,
    makeData({
      type: new Struct(schema.fields),
      length: values.length,
      nullCount: 0,
      children: [child],
    }),
  );
}

describe('Arrow files', () => {
  for (const compressed of [true, false]) {
    it(`are read as a file and, after the magic, as a stream (${compressed ? 'zstd' : 'stored'})`, () => {
      const batch = batchOf(
        'a',
        Uint32Array.from({ length: 1000 }, (_, i) => i),
      );
      const encoder = new ArrowFileEncoder(batch.schema, compressed);
      const ranges = [encoder.writeBatch(batch), encoder.writeBatch(batch)];
      const file = Buffer.concat([...encoder.takeChunks(), ...encoder.finish()]);
      expect(file.subarray(0, 6).toString()).toBe('ARROW1');
      for (const bytes of [file, file.subarray(8)]) expect(tableFromIPC(new Uint8Array(bytes)).numRows).toBe(2000);
      // A range is a whole message: it begins with the continuation mark, and the next begins where it ends.
      for (const { offset } of ranges) expect(file.readUInt32LE(offset)).toBe(0xffffffff);
      expect((ranges[0]?.offset ?? 0) + (ranges[0]?.length ?? 0)).toBe(ranges[1]?.offset);
    });
  }

  it('refuse a batch of another schema instead of dropping it', () => {
    const first = batchOf('a', Uint32Array.of(1));
    const encoder = new ArrowFileEncoder(first.schema, false);
    encoder.writeBatch(first);
    expect(() => encoder.writeBatch(batchOf('a', Float32Array.of(1)))).toThrow(
      'Expected a record batch with schema {a: Uint32}, got {a: Float32}; write it to a file of its own table.',
    );
    expect(() => encoder.writeBatch(batchOf('b', Uint32Array.of(1)))).toThrow('got {b: Uint32}');
    const file = Buffer.concat([...encoder.takeChunks(), ...encoder.finish()]);
    expect(tableFromIPC(new Uint8Array(file)).numRows).toBe(1);
  });
});
