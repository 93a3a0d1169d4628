// ModelProto from bytes and to bytes, driven by the field table of proto.ts. Lossless: fields that the table does not
// list are kept as raw bytes and written after the listed ones. Weights are views of the input, never copies.
import { InputError } from '../../schemas/errors.js';
import {
  FIELDS,
  type FieldSpec,
  type Long,
  type MessageName,
  type Messages,
  type ModelProto,
} from './proto.js';
import { WIRE, WireReader, WireWriter } from './wire.js';

/** Deepest nesting that is read (subgraphs in subgraphs); beyond it the bytes are hostile or damaged. */
const MAX_DEPTH = 64;

interface NamedField extends FieldSpec {
  readonly name: string;
}
interface Layout {
  readonly byNumber: readonly (NamedField | undefined)[];
  readonly inOrder: readonly NamedField[];
  readonly repeated: readonly string[];
}
type Fields = Record<string, unknown>;

const LAYOUTS = new Map<string, Layout>();
for (const [message, fields] of Object.entries(FIELDS)) {
  const inOrder = Object.entries(fields as Record<string, FieldSpec>)
    .map(([name, spec]) => ({ name, ...spec }))
    .sort((a, b) => a.number - b.number);
  const byNumber: NamedField[] = [];
  for (const field of inOrder) byNumber[field.number] = field;
  LAYOUTS.set(message, {
    byNumber,
    inOrder,
    repeated: inOrder.filter((f) => f.repeat !== 'one').map((f) => f.name),
  });
}

function layoutOf(message: string): Layout {
  return LAYOUTS.get(message) as Layout;
}

/** The model in `bytes`; weights are views of them. @throws InputError where the bytes are not a whole model. */
export function decodeModel(bytes: Uint8Array): ModelProto {
  const model = decodeMessage('ModelProto', bytes);
  if (model.graph === undefined) {
    throw new InputError(
      `Expected an ONNX model, found ${bytes.length} bytes without a graph. Give the .onnx file that the exporter wrote.`,
      { bytes: bytes.length },
    );
  }
  return model;
}

/** One message of any type from its bytes. @throws InputError where they are damaged. */
export function decodeMessage<M extends MessageName>(message: M, bytes: Uint8Array): Messages[M] {
  const reader = new WireReader(bytes);
  return readMessage(reader, message, { end: bytes.length, depth: 0 }) as unknown as Messages[M];
}

/** The message's bytes as a list of chunks; large byte fields (weights) are views, so nothing big is copied. */
export function encodeMessage<M extends MessageName>(message: M, value: Messages[M]): Uint8Array[] {
  const writer = new WireWriter();
  writeMessage(writer, message, value as unknown as Fields);
  writer.flush();
  return writer.chunks;
}

/** The model's bytes as chunks. */
export function encodeModel(model: ModelProto): Uint8Array[] {
  return encodeMessage('ModelProto', model);
}

/** The chunks as one array. */
export function joinChunks(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

interface Scope {
  readonly end: number;
  readonly depth: number;
}

function readMessage(reader: WireReader, message: string, scope: Scope): Fields {
  if (scope.depth > MAX_DEPTH) throw reader.damaged(`messages nested more than ${MAX_DEPTH} deep`);
  const layout = layoutOf(message);
  const result: Fields = {};
  for (const name of layout.repeated) result[name] = [];
  while (reader.pos < scope.end) {
    const start = reader.pos;
    const tag = reader.int(scope.end);
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number <= 0) throw reader.damaged(`field number ${number} in ${message}`);
    const field = layout.byNumber[number];
    if (field !== undefined && readField(reader, result, { field, wire, ...scope })) continue;
    reader.skip(wire, scope.end);
    ((result['unknown'] ??= []) as Uint8Array[]).push(reader.bytes.subarray(start, reader.pos));
  }
  return result;
}

/** True if the field was read; false if its wire type is not the table's, so that it is kept as unknown. */
function readField(
  reader: WireReader,
  result: Fields,
  at: Scope & { field: NamedField; wire: number },
): boolean {
  const { field, wire, end, depth } = at;
  const expected = wireOf(field.kind);
  if (field.repeat !== 'one') {
    const list = result[field.name] as unknown[];
    if (wire === expected) list.push(readValue(reader, field, { end, depth }));
    else if (wire === WIRE.delimited) {
      const runEnd = reader.delimitedEnd(end);
      while (reader.pos < runEnd) list.push(readValue(reader, field, { end: runEnd, depth }));
    } else return false;
    return true;
  }
  if (wire !== expected) return false;
  if (isMessage(field.kind) && result[field.name] !== undefined)
    throw reader.damaged(`a second ${field.name}`);
  result[field.name] = readValue(reader, field, { end, depth });
  return true;
}

function readValue(reader: WireReader, field: NamedField, { end, depth }: Scope): unknown {
  switch (field.kind) {
    case 'string':
      return reader.string(end);
    case 'bytes':
      return reader.delimited(end);
    case 'int':
      return reader.int(end);
    case 'long':
      return reader.long(end);
    case 'ulong':
      return reader.ulong(end);
    case 'float':
      return reader.float(end);
    case 'double':
      return reader.double(end);
    default: {
      const messageEnd = reader.delimitedEnd(end);
      return readMessage(reader, field.kind, { end: messageEnd, depth: depth + 1 });
    }
  }
}

function writeMessage(writer: WireWriter, message: string, value: Fields): void {
  for (const field of layoutOf(message).inOrder) {
    const content = value[field.name];
    if (content === undefined) continue;
    if (field.repeat === 'one') writeTagged(writer, field, content);
    else if (field.repeat === 'each')
      for (const item of content as unknown[]) writeTagged(writer, field, item);
    else writePacked(writer, field, content as unknown[]);
  }
  for (const raw of (value['unknown'] ?? []) as Uint8Array[]) writer.raw(raw);
}

function writeTagged(writer: WireWriter, field: NamedField, value: unknown): void {
  writer.tag(field.number, wireOf(field.kind));
  writeValue(writer, field, value);
}

function writePacked(writer: WireWriter, field: NamedField, values: readonly unknown[]): void {
  if (values.length === 0) return;
  const inner = new WireWriter();
  for (const value of values) writeValue(inner, field, value);
  writer.tag(field.number, WIRE.delimited);
  writer.nested(inner);
}

function writeValue(writer: WireWriter, field: NamedField, value: unknown): void {
  switch (field.kind) {
    case 'string':
      writer.string(value as string);
      return;
    case 'bytes':
      writer.delimited(value as Uint8Array);
      return;
    case 'int':
    case 'long':
    case 'ulong':
      writer.long(value as Long);
      return;
    case 'float':
      writer.float(value as number);
      return;
    case 'double':
      writer.double(value as number);
      return;
    default: {
      const inner = new WireWriter();
      writeMessage(inner, field.kind, value as Fields);
      writer.nested(inner);
    }
  }
}

function isMessage(kind: FieldSpec['kind']): kind is MessageName {
  return LAYOUTS.has(kind);
}

function wireOf(kind: FieldSpec['kind']): number {
  if (kind === 'int' || kind === 'long' || kind === 'ulong') return WIRE.varint;
  if (kind === 'float') return WIRE.fixed32;
  return kind === 'double' ? WIRE.fixed64 : WIRE.delimited;
}
