// From documents in hash order to `source` tables, one or more files a shard, and the hashes of all ids, by which equal
// ids in different parts are found later.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { shardCount, shardName, shardOf } from '../../core/corpus/shard-plan.js';
import type { Split } from '../../schemas/constants.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { SpoolFile } from '../stage.js';
import type { SpooledDocument } from './spool-buckets.js';
import type { CorpusShard } from './statistics.js';

/** Rows and text handed to the table writer at once. */
const WRITE_ROWS = 1024;
const WRITE_BYTES = 4 * 2 ** 20;
/** Hashes in one `ids` object: 64 MB. */
const IDS_PER_FILE = 2 ** 23;

export interface ShardTarget {
  readonly spool: string;
  /** The stage's key, for the files' metadata. */
  readonly key: string;
  readonly partDigest: string;
  readonly split: Split;
  readonly shardTokens: number;
  /** Documents and UTF-8 bytes of text that will come. */
  readonly documents: number;
  readonly textBytes: number;
}

/** Writes the shards of one part and one split; documents must come in hash order. */
export class ShardWriter {
  readonly files: SpoolFile[] = [];
  readonly shards: CorpusShard[] = [];
  readonly #target: ShardTarget;
  readonly #count: number;
  readonly #ids: IdsWriter;
  #open: {
    readonly index: number;
    readonly writer: TableWriter<'source'>;
    documents: number;
    textBytes: number;
  } | null = null;
  #rows: { id: string[]; text: string[]; meta: string[] } = { id: [], text: [], meta: [] };
  #rowBytes = 0;

  constructor(target: ShardTarget) {
    this.#target = target;
    this.#count = shardCount(target.documents, target.textBytes, target.shardTokens);
    this.#ids = new IdsWriter(target);
  }

  async add(document: SpooledDocument): Promise<void> {
    const index = shardOf(document.hash, this.#count);
    if (this.#open?.index !== index) {
      await this.#finishShard();
      this.#open = { index, writer: await this.#openTable(index), documents: 0, textBytes: 0 };
    }
    const { text, meta } = document.read();
    this.#rows.id.push(document.id);
    this.#rows.text.push(text);
    this.#rows.meta.push(meta);
    this.#rowBytes += document.textBytes + meta.length;
    this.#open.documents++;
    this.#open.textBytes += document.textBytes;
    await this.#ids.add(document.hash);
    if (this.#rows.id.length >= WRITE_ROWS || this.#rowBytes >= WRITE_BYTES) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#finishShard();
    this.files.push(...(await this.#ids.finish()));
  }

  /** Closes open files; for a caller that gives up. */
  async abort(): Promise<void> {
    await this.#open?.writer.abort();
    await this.#ids.abort();
  }

  #openTable(index: number): Promise<TableWriter<'source'>> {
    const { spool, key, partDigest, split } = this.#target;
    const shard = shardName(partDigest, split, index);
    const file = path.join(spool, `source-${shard}.arrow`);
    return TableWriter.open({ table: 'source', path: file, shard, metadata: { key, split } });
  }

  async #flush(): Promise<void> {
    if (this.#rows.id.length > 0) await this.#open?.writer.write(this.#rows);
    this.#rows = { id: [], text: [], meta: [] };
    this.#rowBytes = 0;
  }

  async #finishShard(): Promise<void> {
    if (!this.#open) return;
    await this.#flush();
    const { index, writer, documents, textBytes } = this.#open;
    const { partDigest, split } = this.#target;
    const name = shardName(partDigest, split, index);
    this.files.push(...(await writer.finish()).map((file) => ({ ...file, shard: name })));
    this.shards.push({ name, split, documents, textBytes });
    this.#open = null;
  }
}

/** Writes hashes that come in ascending order as little-endian float64, cut into files. */
class IdsWriter {
  readonly #target: ShardTarget;
  readonly #files: SpoolFile[] = [];
  readonly #hashes = new Float64Array(2 ** 16);
  #pending = 0;
  #open: {
    readonly path: string;
    readonly handle: Awaited<ReturnType<typeof open>>;
    rows: number;
  } | null = null;
  #hash = createHash('sha256');

  constructor(target: ShardTarget) {
    this.#target = target;
  }

  async add(hash: number): Promise<void> {
    this.#hashes[this.#pending++] = hash;
    if (this.#pending === this.#hashes.length) await this.#flush();
  }

  async finish(): Promise<readonly SpoolFile[]> {
    await this.#flush();
    await this.#close();
    return this.#files;
  }

  async abort(): Promise<void> {
    await this.#open?.handle.close();
  }

  async #flush(): Promise<void> {
    if (this.#pending === 0) return;
    const { spool, split } = this.#target;
    const file = path.join(spool, `ids-${split}-${this.#files.length}.bin`);
    this.#open ??= { path: file, handle: await open(file, 'w'), rows: 0 };
    const bytes = Buffer.from(this.#hashes.buffer, 0, this.#pending * 8);
    this.#hash.update(bytes);
    await this.#open.handle.writeFile(bytes);
    this.#open.rows += this.#pending;
    this.#pending = 0;
    if (this.#open.rows >= IDS_PER_FILE) await this.#close();
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    const { path: file, handle, rows } = this.#open;
    await handle.close();
    const { partDigest, split } = this.#target;
    this.#files.push({
      table: 'ids',
      path: file,
      shard: `${partDigest.slice(0, 16)}-${split}`,
      extension: 'bin',
      sha256: this.#hash.digest('hex'),
      bytes: rows * 8,
      rows,
      batches: [],
    });
    this.#open = null;
    this.#hash = createHash('sha256');
  }
}
