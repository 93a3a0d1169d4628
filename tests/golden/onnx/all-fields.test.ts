// The codec against protobuf itself: a file in which every field of onnx.proto is set, as the Python onnx package writes it.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { FIELDS, type FieldSpec, type MessageName } from '../../../core/onnx/field-table.js';
import type { ModelProto } from '../../../core/onnx/proto.js';

const FILE = readFileSync(new URL('all-fields.onnx', import.meta.url));

type Fields = Readonly<Record<string, unknown>>;

/** The same message with `change` applied to it and to every message below. */
function mapMessages(type: MessageName, value: Fields, change: (fields: Fields, type: MessageName) => Fields): Fields {
  const mapped: Record<string, unknown> = { ...value };
  for (const [name, { kind }] of Object.entries(FIELDS[type] as Record<string, FieldSpec>)) {
    const content = value[name];
    if (!(kind in FIELDS) || content === undefined) continue;
    const below = (item: unknown): Fields => mapMessages(kind as MessageName, item as Fields, change);
    mapped[name] = Array.isArray(content) ? content.map(below) : below(content);
  }
  return change(mapped, type);
}

describe('a file with every field of onnx.proto', () => {
  it('comes back byte for byte, and no field of it is unknown', () => {
    const model = decodeModel(FILE);
    expect(Buffer.compare(joinChunks(encodeModel(model)), FILE)).toBe(0);
    let unknown = 0;
    const met = new Set<string>();
    mapMessages('ModelProto', model as unknown as Fields, (fields, type) => {
      if ('unknown' in fields) unknown++;
      Object.keys(fields).forEach((name) => met.add(`${type}.${name}`));
      return fields;
    });
    expect(unknown).toBe(0);
    // Every field of the table is in the file, so the comparison above holds for all of them.
    const named = Object.entries(FIELDS).flatMap(([type, fields]) =>
      Object.keys(fields).map((name) => `${type}.${name}`),
    );
    expect(named.filter((name) => !met.has(name))).toEqual([]);
  });

  it('keeps unknown fields of every message at every level', () => {
    // Field 2000: varint 7, and field 2001: two bytes.
    const unknown = [Uint8Array.of(0x80, 0x7d, 7), Uint8Array.of(0x8a, 0x7d, 2, 1, 2)];
    let messages = 0;
    const marked = mapMessages('ModelProto', decodeModel(FILE) as unknown as Fields, (fields) => {
      messages++;
      return { ...fields, unknown };
    }) as unknown as ModelProto;
    const bytes = joinChunks(encodeModel(marked));
    const again = decodeModel(bytes);
    let kept = 0;
    mapMessages('ModelProto', again as unknown as Fields, (fields) => {
      if ((fields['unknown'] as Uint8Array[] | undefined)?.length === 2) kept++;
      return fields;
    });
    expect(messages).toBeGreaterThan(500);
    expect(kept).toBe(messages);
    expect(Buffer.compare(joinChunks(encodeModel(again)), bytes)).toBe(0);
  });
});
