// The ONNX codec writes every fixture back byte for byte, keeps what it does not know, and refuses damaged files.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeMessage, decodeModel, encodeMessage, encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { InputError } from '../../../../schemas/errors.js';
import { MODEL_FILES } from '../../../harness/fixtures.js';
import { tinyTransformer } from './fixture-models.js';

describe('the ModelProto codec', () => {
  it.each(MODEL_FILES)('writes %s back byte for byte', (file) => {
    const bytes = readFileSync(file);
    const written = joinChunks(encodeModel(decodeModel(bytes)));
    expect(Buffer.compare(bytes, written)).toBe(0);
  });

  it('reads weights as views of the file and writes them without copying', () => {
    const bytes = readFileSync(MODEL_FILES.at(-2) as string);
    const model = decodeModel(bytes);
    const weight = model.graph?.initializer.find((t) => (t.rawData?.length ?? 0) > 1e6)?.rawData;
    expect(weight?.buffer).toBe(bytes.buffer);
    expect(encodeModel(model).some((chunk) => chunk === weight)).toBe(true);
  });

  it('keeps fields that it does not know, of every wire type', () => {
    // Fields 60 to 63 of a TensorProto: varint, fixed64, delimited, fixed32; its own field 8 (name) between.
    const bytes = Uint8Array.from([
      ...[0xe0, 0x03, 0x96, 0x01],
      ...[0x42, 0x01, 0x61],
      ...[0xe9, 0x03, 1, 2, 3, 4, 5, 6, 7, 8],
      ...[0xf2, 0x03, 0x02, 0x07, 0x08],
      ...[0xfd, 0x03, 9, 9, 9, 9],
    ]);
    const tensor = decodeMessage('TensorProto', bytes);
    expect(tensor.name).toBe('a');
    expect(tensor.unknown).toHaveLength(4);
    const again = joinChunks(encodeMessage('TensorProto', tensor));
    expect(again).toHaveLength(bytes.length);
    expect(decodeMessage('TensorProto', again)).toEqual(tensor);
  });

  it('keeps 64-bit integers exact, in both encodings of a list', () => {
    const ints = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 9223372036854775807n, -9223372036854775808n];
    const empty = { floats: [], strings: [], tensors: [], graphs: [] };
    const bytes = joinChunks(encodeMessage('AttributeProto', { name: 'ends', ints, ...empty }));
    expect(decodeMessage('AttributeProto', bytes).ints).toEqual(ints);
    // The same list packed: field 8, delimited, [3, 300].
    const packed = Uint8Array.from([0x42, 0x03, 0x03, 0xac, 0x02]);
    expect(decodeMessage('AttributeProto', packed).ints).toEqual([3, 300]);
  });

  it('tells an absent number from a written zero', () => {
    const absent = decodeMessage('TensorTypeProto', new Uint8Array(0));
    expect('elemType' in absent).toBe(false);
    expect(decodeMessage('TensorTypeProto', Uint8Array.of(0x08, 0)).elemType).toBe(0);
  });

  it.each([
    ['a length beyond the end', [0x3a, 0x7f], 'a field of 127 bytes where 0 are left at byte 2 of 2'],
    ['a number cut off', [0x08, 0x80], 'the end of a message inside a number at byte 2 of 2'],
    ['a number without end', [0x08, ...new Array<number>(11).fill(0xff)], 'a varint of more than 10 bytes'],
    ['a group', [0x0b], 'wire type 3'],
    ['field number 0', [0x00, 0x01], 'the field number 0 at byte 1 of 2'],
    ['a text that is not UTF-8', [0x12, 0x02, 0xc3, 0x28], 'a text that is not UTF-8 at byte 1'],
    ['two graphs', [0x3a, 0x00, 0x3a, 0x00], 'a second graph'],
    ['an integer out of range', [0x08, ...new Array<number>(8).fill(0xff), 0x7f], 'the integer 9223372036854775807'],
  ])('refuses %s and names the byte', (_, bytes, message) => {
    expect(() => decodeModel(Uint8Array.from(bytes))).toThrow(InputError);
    expect(() => decodeModel(Uint8Array.from(bytes))).toThrow(message);
    expect(() => decodeModel(Uint8Array.from(bytes))).toThrow('Copy the file again or export it anew.');
  });

  it('refuses bytes that hold no graph', () => {
    expect(() => decodeModel(new Uint8Array(0))).toThrow('Expected an ONNX model, found 0 bytes without a graph.');
  });

  it('refuses messages nested without end instead of overflowing the stack', () => {
    let inner = new Uint8Array(0);
    // GraphProto.node (1) of NodeProto.attribute (5) of AttributeProto.g (6), 200 times.
    for (let i = 0; i < 600; i++) {
      const tag = [0x32, 0x2a, 0x0a][i % 3] as number;
      const length = inner.length < 128 ? [inner.length] : [(inner.length & 127) | 128, inner.length >> 7];
      inner = Uint8Array.from([tag, ...length, ...inner]);
    }
    const length = [(inner.length & 127) | 128, inner.length >> 7];
    expect(() => decodeModel(Uint8Array.from([0x3a, ...length, ...inner]))).toThrow(
      'messages nested more than 64 deep',
    );
  });

  it('reads what it wrote from hand-made models', () => {
    const model = tinyTransformer();
    const bytes = joinChunks(encodeModel(model));
    const again = joinChunks(encodeModel(decodeModel(bytes)));
    expect(Buffer.compare(bytes, again)).toBe(0);
    expect(decodeModel(bytes).graph?.node).toEqual(model.graph?.node);
  });
});
