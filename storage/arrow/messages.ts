// The two messages of an Arrow stream that a reader of single record batches needs: the schema at the head of a file, and a
// record batch. Reads what they state; decodes no column. Whole files are read by apache-arrow itself (storage/tables/rows-reader.ts).
// Source: arrow.apache.org/docs/format/Columnar.html, "Encapsulated message format"; Message.fbs and Schema.fbs.
import { DataError } from '../../schemas/errors.js';
import { FlatTable } from './flat-table.js';
import { zstdDecompress } from './zstd.js';

/** A field of a schema, as far as this project's tables differ in it. */
export interface SchemaField {
  readonly name: string;
  /** Of a fixed-size list; null for other types. */
  readonly listSize: number | null;
  /** Whether its items are 32-bit floats. */
  readonly single: boolean;
}

export interface SchemaMessage {
  readonly fields: readonly SchemaField[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** A record batch before its columns are decoded. */
export interface BatchMessage {
  readonly rows: number;
  /** Length and count of nulls of every array, parents before children. */
  readonly nodes: readonly (readonly [length: number, nullCount: number])[];
  readonly buffers: number;
  /** The content of a buffer, decompressed; starts at a multiple of 8 bytes. */
  buffer(index: number): Uint8Array;
}

// Fields by number.
const MESSAGE = { headerType: 1, header: 2, bodyLength: 3 } as const;
const SCHEMA = { fields: 1, metadata: 2 } as const;
const FIELD = { name: 0, typeId: 2, type: 3, children: 5 } as const;
const FIXED_SIZE_LIST = { id: 16, listSize: 0 } as const;
const FLOATING_POINT = { id: 3, precision: 0, single: 1 } as const;
const KEY_VALUE = { key: 0, value: 1 } as const;
const RECORD_BATCH = { length: 0, nodes: 1, buffers: 2, compression: 3 } as const;
const COMPRESSION = { codec: 0, zstd: 1 } as const;
const HEADER = { schema: 1, recordBatch: 3 } as const;

const CONTINUATION = 0xffffffff;
const PREFIX_BYTES = 8;
const STORED_UNCOMPRESSED = -1n;

/** The schema message at the start of `bytes`. @throws DataError where there is none */
export function readSchemaMessage(bytes: Uint8Array): SchemaMessage {
  const { header } = readMessage(bytes, HEADER.schema);
  return {
    fields: header.tables(SCHEMA.fields).map(schemaField),
    metadata: new Map(
      header.tables(SCHEMA.metadata).map((entry) => [entry.text(KEY_VALUE.key), entry.text(KEY_VALUE.value)]),
    ),
  };
}

function schemaField(field: FlatTable): SchemaField {
  const fixed = field.number(FIELD.typeId, 8) === FIXED_SIZE_LIST.id;
  const item = fixed ? field.tables(FIELD.children)[0] : undefined;
  const float = item?.number(FIELD.typeId, 8) === FLOATING_POINT.id ? item.table(FIELD.type) : null;
  return {
    name: field.text(FIELD.name),
    listSize: fixed ? (field.table(FIELD.type)?.number(FIXED_SIZE_LIST.listSize, 32) ?? 0) : null,
    single: float?.number(FLOATING_POINT.precision, 16) === FLOATING_POINT.single,
  };
}

/**
 * The record batch that `bytes` hold: message and body; they start at a multiple of 8 bytes.
 * @throws DataError where they hold none, or one in another compression than zstd
 */
export function readBatchMessage(bytes: Uint8Array): BatchMessage {
  const { header, body } = readMessage(bytes, HEADER.recordBatch);
  const regions = header.pairs(RECORD_BATCH.buffers);
  const compression = header.table(RECORD_BATCH.compression);
  if (compression !== null && compression.number(COMPRESSION.codec, 8) !== COMPRESSION.zstd)
    throw new DataError('Expected a record batch compressed by zstd, found another compression.');
  return {
    rows: header.number(RECORD_BATCH.length, 64),
    nodes: header.pairs(RECORD_BATCH.nodes),
    buffers: regions.length,
    buffer: (index) => {
      const [offset, length] = regions[index] ?? [0, 0];
      if (offset < 0 || length < 0 || offset + length > body.length)
        throw new DataError(`Expected buffers within a body of ${body.length} bytes, found one that reaches beyond.`);
      const stored = body.subarray(offset, offset + length);
      return compression === null || length === 0 ? stored : content(stored);
    },
  };
}

/** A buffer's content: int64 length (−1: stored as it is), then the zstd frame or the content. */
function content(stored: Uint8Array): Uint8Array {
  if (stored.length < PREFIX_BYTES) throw new DataError('Expected the length of a buffer, found fewer than 8 bytes.');
  const size = new DataView(stored.buffer, stored.byteOffset).getBigInt64(0, true);
  const rest = stored.subarray(PREFIX_BYTES);
  if (size === STORED_UNCOMPRESSED) return rest;
  const bytes = zstdDecompress(rest);
  if (BigInt(bytes.length) !== size)
    throw new DataError(`Expected a buffer of ${size} bytes, found ${bytes.length} after decompression.`);
  return bytes;
}

function readMessage(bytes: Uint8Array, type: number): { readonly header: FlatTable; readonly body: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length < PREFIX_BYTES ? 0 : view.getInt32(4, true);
  if (size <= 0 || view.getUint32(0, true) !== CONTINUATION || PREFIX_BYTES + size > bytes.length)
    throw new DataError('Expected an Arrow message, found none.');
  const message = FlatTable.root(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + size));
  const header = message.table(MESSAGE.header);
  const body = bytes.subarray(PREFIX_BYTES + size);
  const found = message.number(MESSAGE.headerType, 8);
  if (header === null || found !== type || message.number(MESSAGE.bodyLength, 64) > body.length)
    throw new DataError(`Expected an Arrow message of type ${type} with its body, found type ${found}.`);
  return { header, body };
}
