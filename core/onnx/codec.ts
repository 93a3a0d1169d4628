// ModelProto from bytes and to bytes, driven by the field table. Lossless: fields that the table does not
// list are kept as raw bytes and written after the listed ones. Weights are views of the input, never copies.
import { InputError } from '../../schemas/errors.js';
import { FIELDS, type FieldSpec, type MessageName, type Messages } from './field-table.js';
import type { Long, ModelProto } from './proto.js';
import { WireWriter } from './wire-writer.js';
import { WIRE, WireReader } from './wire.js';

/** Deepest nesting that is read (subgraphs in subgraphs); beyond it the bytes are hostile or damaged. */
const MAX_DEPTH = 64;
/** Heap that a message, a text, a view or a list element takes, measured in V8 and rounded up. */
const HEAP = { message: 160, text: 48, view: 128, item: 16, bigint: 40 } as const;
/** Shared by all empty lists of all messages: most lists of a message are empty. */
const NONE: readonly never[] = Object.freeze([]);

interface NamedField extends FieldSpec {
  readonly name: string;
}
interface Layout {
  readonly byNumber: readonly (NamedField | undefined)[];
  readonly inOrder: readonly NamedField[];
  /** Lists that a message always has. */
  readonly repeated: readonly string[];
  /** Fields of which only the last one in the file holds. */
  readonly choices: readonly string[];
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
    repeated: inOrder.filter((f) => f.repeat !== 'one' && f.note !== 'rare').map((f) => f.name),
    choices: inOrder.filter((f) => f.note === 'choice').map((f) => f.name),
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
  return writer.finish();
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
  reader.charge(HEAP.message);
  const layout = layoutOf(message);
  const result: Fields = {};
  for (const name of layout.repeated) result[name] = NONE;
  while (reader.pos < scope.end) {
    const start = reader.pos;
    const tag = reader.tag(scope.end);
    const field = layout.byNumber[tag.field];
    if (field !== undefined && readField(reader, result, { field, wire: tag.wire, layout, ...scope })) continue;
    reader.skip(tag.wire, scope.end);
    reader.charge(HEAP.view);
    ((result['unknown'] ??= []) as Uint8Array[]).push(reader.bytes.subarray(start, reader.pos));
  }
  return result;
}

/** True if the field was read; false if its wire type is not the table's, so that it is kept as unknown. */
function readField(
  reader: WireReader,
  result: Fields,
  at: Scope & { field: NamedField; wire: number; layout: Layout },
): boolean {
  const { field, wire, end, depth } = at;
  const expected = wireOf(field.kind);
  if (field.repeat !== 'one') {
    if (wire === expected) listOf(result, field).push(readValue(reader, field, { end, depth }));
    else if (wire === WIRE.delimited) readRun(reader, result, { field, depth, end: reader.delimitedEnd(end) });
    else return false;
    return true;
  }
  if (wire !== expected) return false;
  if (isMessage(field.kind) && result[field.name] !== undefined) throw reader.damaged(`a second ${field.name}`);
  if (field.note === 'choice')
    for (const name of at.layout.choices) if (name !== field.name) Reflect.deleteProperty(result, name);
  result[field.name] = readValue(reader, field, { end, depth });
  return true;
}

/** The list to append to; the shared empty one is replaced. */
function listOf(result: Fields, { name }: NamedField): unknown[] {
  const found = result[name];
  if (found !== undefined && found !== NONE && Array.isArray(found)) return found as unknown[];
  const list = [...((found ?? NONE) as Iterable<unknown>)];
  result[name] = list;
  return list;
}

/** Numbers written as one run up to `end`. Runs of floats stay typed arrays: weights may be stored so. */
function readRun(reader: WireReader, result: Fields, { field, end, depth }: Scope & { field: NamedField }): void {
  if (field.repeat === 'packed' && result[field.name] === NONE && reader.pos < end) {
    if (field.kind === 'float') result[field.name] = reader.floats(end);
    else if (field.kind === 'double') result[field.name] = reader.doubles(end);
    if (result[field.name] !== NONE) return;
  }
  const list = listOf(result, field);
  while (reader.pos < end) list.push(readValue(reader, field, { end, depth }));
}

function readValue(reader: WireReader, field: NamedField, { end, depth }: Scope): unknown {
  const list = field.repeat !== 'one';
  switch (field.kind) {
    case 'string': {
      const text = reader.string(end);
      reader.charge(HEAP.text + text.length);
      return text;
    }
    case 'bytes':
      reader.charge(HEAP.view);
      return reader.delimited(end);
    case 'int':
      if (list) reader.charge(HEAP.item);
      return reader.int(end);
    case 'int32':
      if (list) reader.charge(HEAP.item);
      return reader.int32(end);
    case 'long':
    case 'ulong': {
      const value = field.kind === 'long' ? reader.long(end) : reader.ulong(end);
      if (list) reader.charge(typeof value === 'bigint' ? HEAP.bigint : HEAP.item);
      return value;
    }
    case 'float':
      if (list) reader.charge(HEAP.item);
      return reader.float(end);
    case 'double':
      if (list) reader.charge(HEAP.item);
      return reader.double(end);
    default: {
      const messageEnd = reader.delimitedEnd(end);
      return readMessage(reader, field.kind, { end: messageEnd, depth: depth + 1 });
    }
  }
}

/** Writes fields from the last to the first, as the writer wants them. */
function writeMessage(writer: WireWriter, message: string, value: Fields): void {
  const unknown = (value['unknown'] ?? NONE) as readonly Uint8Array[];
  for (let i = unknown.length - 1; i >= 0; i--) writer.raw(unknown[i] as Uint8Array);
  const { inOrder } = layoutOf(message);
  for (let f = inOrder.length - 1; f >= 0; f--) {
    const field = inOrder[f] as NamedField;
    const content = value[field.name];
    if (content === undefined) continue;
    if (field.repeat === 'one') writeTagged(writer, field, content);
    else if (field.repeat === 'packed') writePacked(writer, field, content as ArrayLike<unknown>);
    else {
      const list = content as readonly unknown[];
      for (let i = list.length - 1; i >= 0; i--) writeTagged(writer, field, list[i]);
    }
  }
}

function writeTagged(writer: WireWriter, field: NamedField, value: unknown): void {
  writeValue(writer, field, value);
  writer.tag(field.number, wireOf(field.kind));
}

function writePacked(writer: WireWriter, field: NamedField, values: ArrayLike<unknown>): void {
  if (values.length === 0) return;
  if (values instanceof Float32Array || values instanceof Float64Array)
    writer.delimited(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  else {
    const before = writer.length;
    for (let i = values.length - 1; i >= 0; i--) writeValue(writer, field, values[i]);
    writer.long(writer.length - before);
  }
  writer.tag(field.number, WIRE.delimited);
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
    case 'int32':
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
      const before = writer.length;
      writeMessage(writer, field.kind, value as Fields);
      writer.long(writer.length - before);
    }
  }
}

function isMessage(kind: FieldSpec['kind']): kind is MessageName {
  return LAYOUTS.has(kind);
}

function wireOf(kind: FieldSpec['kind']): number {
  if (kind === 'int' || kind === 'int32' || kind === 'long' || kind === 'ulong') return WIRE.varint;
  if (kind === 'float') return WIRE.fixed32;
  return kind === 'double' ? WIRE.fixed64 : WIRE.delimited;
}
