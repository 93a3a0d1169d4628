// Documents of one part on their way from file order to hash order, in bounded memory: appended to bucket files by
// ranges of their hash, read back bucket by bucket and sorted. Keeps its files in the item's spool folder.
import { closeSync, openSync, writevSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { SPLITS, type Split } from '../../schemas/stages.js';
import { HASH_RANGE, type DocumentHash } from '../../core/corpus/document-hash.js';

/** Documents buffered before they are appended to their files. */
const BUFFER_BYTES = 16 * 2 ** 20;
/** Aimed size of a bucket: it is read and sorted in memory. */
const BUCKET_BYTES = 16 * 2 ** 20;
const MAX_BUCKETS = 1024;
/** total u32, hash f64, line f64, bytes of id, text, meta u32 each, number of the split u8 */
const HEADER_BYTES = 33;

export interface SpooledDocument {
  readonly hash: DocumentHash;
  /** Line (row) in the part's file, or the file's number in a folder. */
  readonly line: number;
  readonly id: string;
  readonly split: Split;
  /** UTF-8 bytes of the text. */
  readonly textBytes: number;
  /** Decodes the rest; costs a copy. */
  readonly read: () => { readonly text: string; readonly meta: string };
}

export class SpoolBuckets {
  readonly #folder: string;
  readonly #count: number;
  readonly #pending: Buffer[][];
  #pendingBytes = 0;

  /** @param expectedBytes size of all documents to come, roughly */
  constructor(folder: string, expectedBytes: number) {
    this.#folder = folder;
    this.#count = Math.min(MAX_BUCKETS, Math.max(1, Math.ceil(expectedBytes / BUCKET_BYTES)));
    this.#pending = Array.from({ length: this.#count }, () => []);
  }

  /** Adds a document. Returns the UTF-8 bytes of its text. */
  add(document: {
    readonly hash: DocumentHash;
    readonly line: number;
    readonly id: string;
    readonly split: Split;
    readonly text: string;
    readonly meta: string;
  }): number {
    const { hash, line, id, split, text, meta } = document;
    const idBytes = Buffer.byteLength(id);
    const textBytes = Buffer.byteLength(text);
    const metaBytes = Buffer.byteLength(meta);
    const total = HEADER_BYTES + idBytes + textBytes + metaBytes;
    const record = Buffer.allocUnsafe(total);
    record.writeUInt32LE(total, 0);
    record.writeDoubleLE(hash, 4);
    record.writeDoubleLE(line, 12);
    record.writeUInt32LE(idBytes, 20);
    record.writeUInt32LE(textBytes, 24);
    record.writeUInt32LE(metaBytes, 28);
    record.writeUInt8(SPLITS.indexOf(split), 32);
    record.write(id, HEADER_BYTES);
    record.write(text, HEADER_BYTES + idBytes);
    record.write(meta, HEADER_BYTES + idBytes + textBytes);
    this.#pending[Math.floor((hash / HASH_RANGE) * this.#count)]?.push(record);
    this.#pendingBytes += total;
    if (this.#pendingBytes >= BUFFER_BYTES) this.flush();
    return textBytes;
  }

  /** Appends what is buffered to the bucket files. */
  flush(): void {
    this.#pending.forEach((records, bucket) => {
      if (records.length > 0) append(this.#file(bucket), records);
      this.#pending[bucket] = [];
    });
    this.#pendingBytes = 0;
  }

  /** All documents ordered by hash, id, line; a bucket's worth at a time. */
  async *sorted(): AsyncGenerator<readonly SpooledDocument[], void, undefined> {
    this.flush();
    for (let bucket = 0; bucket < this.#count; bucket++) {
      const bytes = await readFile(this.#file(bucket)).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
        throw error;
      });
      if (bytes.length > 0) yield sortBucket(bytes);
    }
  }

  async remove(): Promise<void> {
    for (let bucket = 0; bucket < this.#count; bucket++) await rm(this.#file(bucket), { force: true });
  }

  #file(bucket: number): string {
    return path.join(this.#folder, `bucket-${bucket}.spool`);
  }
}

/** More buffers in one writev than the system takes (IOV_MAX) would fail. */
const BUFFERS_PER_WRITE = 512;

function append(file: string, records: readonly Buffer[]): void {
  const descriptor = openSync(file, 'a');
  try {
    for (let from = 0; from < records.length; from += BUFFERS_PER_WRITE) {
      let left: readonly Uint8Array[] = records.slice(from, from + BUFFERS_PER_WRITE);
      let wanted = left.reduce((sum, record) => sum + record.length, 0);
      while (wanted > 0) {
        const written = writevSync(descriptor, left);
        wanted -= written;
        if (wanted > 0) left = [Buffer.concat(left).subarray(written)];
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

function sortBucket(bytes: Buffer): SpooledDocument[] {
  const documents: SpooledDocument[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at)) documents.push(documentAt(bytes, at));
  return documents.sort((a, b) => a.hash - b.hash || compareText(a.id, b.id) || a.line - b.line);
}

function documentAt(bytes: Buffer, at: number): SpooledDocument {
  const idEnd = at + HEADER_BYTES + bytes.readUInt32LE(at + 20);
  const textBytes = bytes.readUInt32LE(at + 24);
  const textEnd = idEnd + textBytes;
  return {
    hash: bytes.readDoubleLE(at + 4),
    line: bytes.readDoubleLE(at + 12),
    id: bytes.toString('utf8', at + HEADER_BYTES, idEnd),
    split: SPLITS[bytes.readUInt8(at + 32)] ?? 'fit',
    textBytes,
    read: () => ({
      text: bytes.toString('utf8', idEnd, textEnd),
      meta: bytes.toString('utf8', textEnd, textEnd + bytes.readUInt32LE(at + 28)),
    }),
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
