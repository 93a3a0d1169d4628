// Encodes record batches as an Arrow IPC stream, uncompressed: what a pipe takes. Does no file access.
import type { RecordBatch, Schema } from 'apache-arrow';
import { arrow } from './library.js';

/** The library's stream writer; collects chunks instead of queueing them. */
class CollectingStreamWriter extends arrow.RecordBatchStreamWriter {
  #chunks: Uint8Array[] = [];

  start(schema: Schema): void {
    this.reset(undefined, schema);
  }

  add(batch: RecordBatch): void {
    this._writeRecordBatch(batch);
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
}

/** Encodes one Arrow IPC stream, batch by batch; the chunks of each call are to be written in order. */
export class ArrowStreamEncoder {
  readonly #writer: CollectingStreamWriter;

  constructor(schema: Schema) {
    this.#writer = new CollectingStreamWriter();
    this.#writer.start(schema);
  }

  /** The schema message. */
  begin(): Uint8Array[] {
    return this.#writer.take();
  }

  /** A batch of the stream's own schema. */
  batch(batch: RecordBatch): Uint8Array[] {
    this.#writer.add(batch);
    return this.#writer.take();
  }

  /** The end of the stream. */
  end(): Uint8Array[] {
    this.#writer.finish();
    return this.#writer.take();
  }
}
