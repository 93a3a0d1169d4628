// Encodes record batches as an Arrow IPC file that pyarrow, polars and stream readers accept. Works around two bugs of
// apache-arrow 21.2.0 (compressed length in buffer prefixes, no schema message after the magic); does no file access.
import type { RecordBatch, RecordBatchFileWriter, Schema } from 'apache-arrow';
import { DataError, ResourceError } from '../../schemas/errors.js';
import { arrow } from './library.js';
import { zstdCompress } from './zstd.js';

/** Byte range of one encapsulated record batch message (length prefix, metadata, body) in the file. */
export interface BatchRange {
  readonly offset: number;
  readonly length: number;
}

/** Body of an encoded record batch: regions are relative to the body, buffers come in pairs (prefix, content). */
interface CompressedBody {
  byteLength: number;
  bufferRegions: ReturnType<RecordBatchFileWriter['_assembleRecordBatch']>['bufferRegions'];
  buffers: ArrayBufferView[];
}

type Region = CompressedBody['bufferRegions'][number];

const PREFIX_BYTES = 8;
const STORED_UNCOMPRESSED = -1n;

/** The library's file writer with its two bugs corrected; collects chunks instead of queueing them. */
class CollectingWriter extends arrow.RecordBatchFileWriter {
  #chunks: Uint8Array[] = [];

  start(schema: Schema): void {
    this.reset(undefined, schema);
  }

  add(batch: RecordBatch): BatchRange {
    this._writeRecordBatch(batch);
    const block = this._recordBatchBlocks.at(-1);
    if (!block)
      throw new ResourceError(
        'Expected the Arrow writer to record where a batch lies, it did not; install apache-arrow 21.2.0 exactly.',
      );
    return { offset: block.offset, length: block.metaDataLength + block.bodyLength };
  }

  take(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  protected override _write(chunk: ArrayBufferView): this {
    if (!this._started || chunk.byteLength === 0) return this;
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this._position += chunk.byteLength;
    return this;
  }

  /** The file writer's own method writes the magic only; the format asks for the schema message after it. */
  protected override _writeSchema(schema: Schema): this {
    this._writeMagic()._writePadding(2);
    arrow.RecordBatchWriter.prototype['_writeSchema'].call(this, schema);
    return this;
  }

  /** Each buffer = int64 length of its content (−1: stored as it is), then the zstd frame or the content. */
  protected override _compressBodyBuffers(buffers: ArrayBufferView[]): CompressedBody {
    const body: CompressedBody = { byteLength: 0, bufferRegions: [], buffers: [] };
    for (const buffer of buffers) {
      const content = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      if (content.length === 0) {
        body.buffers.push(content, content);
        body.bufferRegions.push(region(body.byteLength, 0));
        continue;
      }
      const frame = zstdCompress(content);
      const smaller = frame.length < content.length;
      const stored = smaller ? frame : content;
      const prefix = new Uint8Array(PREFIX_BYTES);
      new DataView(prefix.buffer).setBigInt64(0, smaller ? BigInt(content.length) : STORED_UNCOMPRESSED, true);
      body.buffers.push(prefix, stored);
      body.bufferRegions.push(region(body.byteLength, PREFIX_BYTES + stored.length));
      body.byteLength = align8(body.byteLength + PREFIX_BYTES + stored.length);
    }
    return body;
  }
}

/** What the library's BufferRegion is: it is not exported, and only these two fields are read. */
function region(offset: number, length: number): Region {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- its class cannot be imported
  return { offset, length };
}

/** Encodes one Arrow IPC file, batch by batch, into chunks that the caller writes in order. */
export class ArrowFileEncoder {
  readonly #writer: CollectingWriter;
  readonly #schema: Schema;

  /** @param compressed zstd level 1 for every buffer (needs `initArrow`), else stored as they are */
  constructor(schema: Schema, compressed: boolean) {
    this.#schema = schema;
    this.#writer = new CollectingWriter({
      autoDestroy: true,
      compressionType: compressed ? arrow.CompressionType.ZSTD : null,
    });
    this.#writer.start(schema);
  }

  /**
   * Where the batch lies in the file; its bytes come with the next `takeChunks`. The chunks are views of the batch.
   * @throws DataError where the batch's schema is not the file's: it is never dropped in silence
   */
  writeBatch(batch: RecordBatch): BatchRange {
    if (!arrow.util.compareSchemas(this.#schema, batch.schema)) {
      throw new DataError(
        `Expected a record batch with schema ${describe(this.#schema)}, got ${describe(batch.schema)}; write it to a file of its own table.`,
        { expected: describe(this.#schema), got: describe(batch.schema) },
      );
    }
    return this.#writer.add(batch);
  }

  /** The bytes encoded since the last call, in file order. */
  takeChunks(): Uint8Array[] {
    return this.#writer.take();
  }

  /** The remaining bytes: end of stream, footer, magic. */
  finish(): Uint8Array[] {
    this.#writer.finish();
    return this.#writer.take();
  }
}

function describe(schema: Schema): string {
  return `{${schema.fields.map((field) => `${field.name}: ${String(field.type)}${field.nullable ? '?' : ''}`).join(', ')}}`;
}

function align8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
